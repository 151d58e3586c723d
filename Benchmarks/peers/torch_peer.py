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

    routes = {"flash": route(SDPBackend.FLASH_ATTENTION), "math": route(SDPBackend.MATH)}
    return {"torch": torch.__version__}, routes


serve(make_peer)
