"""JAX: jax.nn.dot_product_attention, compiled by XLA for the CPU."""

import os

from peer_protocol import serve


def make_peer(threads):
    # XLA has no setting for its threads: it takes one for each core that the process may use.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp
    import numpy

    def prepare(case):
        case.refuse_other_than(dtypes=("f32", "bf16", "f16"))

        # Its layout is batch, position, head, column.
        def tensor(name):
            array = case.array(name)
            if array.dtype == numpy.uint16:
                array = array.view(jnp.bfloat16)
            return jax.device_put(numpy.ascontiguousarray(array.transpose(0, 2, 1, 3)))

        q, k, v = (tensor(name) for name in "qkv")
        mask = jnp.asarray(case.array("mask")) if case.has("mask") else None
        bias = jnp.asarray(case.array("bias"), q.dtype) if case.has("bias") else None

        def attention(q, k, v, bias, mask):
            return jax.nn.dot_product_attention(
                q, k, v, bias=bias, mask=mask, scale=case.scale, is_causal=case.causal, implementation="xla"
            )

        compiled = jax.jit(attention).lower(q, k, v, bias, mask).compile()
        return (
            lambda: compiled(q, k, v, bias, mask).block_until_ready(),
            lambda result: numpy.ascontiguousarray(numpy.asarray(result).astype(numpy.float32).transpose(0, 2, 1, 3)),
        )

    return {"jax": jax.__version__}, {"xla": prepare}


serve(make_peer)
