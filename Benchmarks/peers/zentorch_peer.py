"""AMD's zentorch: the operation that its compiler puts in the place of scaled_dot_product_attention."""

from peer_protocol import Refused, serve


def make_peer(threads):
    import torch
    import zentorch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)

    def prepare(case):
        case.refuse_other_than(dtypes=("f32", "bf16"))
        q, k, v = (case.torch(name, torch) for name in "qkv")
        mask = None
        if case.has("mask"):
            # It takes numbers only: what is hidden gets minus infinity.
            visible = case.torch("mask", torch)
            mask = torch.zeros(visible.shape, dtype=q.dtype).masked_fill(~visible, float("-inf"))
        if case.has("bias"):
            mask = case.torch("bias", torch)

        def run():
            result, _ = torch.ops.zentorch.zentorch_sdpa(
                q, k, v, is_causal=case.causal, attn_mask=mask, scale=case.scale
            )
            return result

        try:
            run()
        except RuntimeError as error:
            raise Refused(str(error).split("\n")[0])
        return run, lambda result: result.float().contiguous().numpy()

    return {"zentorch": zentorch.__version__, "torch": torch.__version__}, {"sdpa": prepare}


serve(make_peer)
