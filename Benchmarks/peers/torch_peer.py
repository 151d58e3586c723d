"""PyTorch's scaled_dot_product_attention: the flash kernel for CPUs, and the plain one of matrix products and softmax."""

from peer_protocol import Refused, serve


def make_peer(threads):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)

    def route(backend):
        def prepare(case):
            case.refuse_other_than(dtypes=("f32", "bf16", "f16"))
            q, k, v = (case.torch(name, torch) for name in "qkv")
            mask = next((case.torch(name, torch) for name in ("mask", "bias") if case.has(name)), None)
            grouped = case.kv_heads != case.heads

            def run():
                with sdpa_kernel(backend):
                    return scaled_dot_product_attention(
                        q, k, v, attn_mask=mask, is_causal=case.causal, scale=case.scale, enable_gqa=grouped
                    )

            try:
                run()
            except RuntimeError as error:
                raise Refused(str(error).split("\n")[0])
            return run, lambda result: result.float().contiguous().numpy()

        return prepare

    def folded(case):
        """A step of decoding with the heads of a group as rows of their key-value head, whose keys are then read once:
        enable_gqa reads them for every head."""
        case.refuse_other_than(dtypes=("f32", "bf16", "f16"), mask=False, bias=False)
        if case.query_length != 1 or case.kv_heads == case.heads:
            raise Refused("it is for one query and grouped heads")
        q, k, v = (case.torch(name, torch) for name in "qkv")
        rows = q.view(case.batch, case.kv_heads, -1, q.shape[-1])

        def run():
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
                return scaled_dot_product_attention(rows, k, v, scale=case.scale)

        return run, lambda result: result.reshape(case.batch, case.heads, 1, -1).float().numpy()

    routes = {
        "flash": route(SDPBackend.FLASH_ATTENTION),
        "flash, groups as rows": folded,
        "math": route(SDPBackend.MATH),
    }
    return {"torch": torch.__version__}, routes


serve(make_peer)
