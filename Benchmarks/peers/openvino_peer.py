"""OpenVINO: the operation ScaledDotProductAttention on its CPU plugin, in f32."""

from peer_protocol import serve


def make_peer(threads):
    import numpy
    import openvino
    from openvino import opset13 as ops

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # By default it computes in bf16 where the processor can.
        "INFERENCE_PRECISION_HINT": "f32",
    }

    def prepare(case):
        case.refuse_other_than()
        arrays = {name: case.array(name) for name in ("q", "k", "v", "mask", "bias") if case.has(name)}
        inputs = {
            name: ops.parameter(list(array.shape), array.dtype, name=name) for name, array in arrays.items()
        }
        k, v = (repeated(inputs[name], case) for name in "kv")
        mask = inputs.get("mask", inputs.get("bias"))
        if mask is None:
            mask = ops.constant(numpy.zeros([], numpy.float32))
        scale = ops.constant(numpy.float32(case.scale))
        result = ops.scaled_dot_product_attention(inputs["q"], k, v, mask, scale, causal=case.causal)
        model = openvino.Model([result], list(inputs.values()), "attention")
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        # The tensors share the arrays' memory but do not keep it: `run` holds both.
        tensors = [openvino.Tensor(arrays[name], shared_memory=True) for name in inputs]
        for index, tensor in enumerate(tensors):
            request.set_input_tensor(index, tensor)

        def run(_held=(arrays, tensors)):
            request.infer()
            return request

        return run, lambda request: numpy.array(request.get_output_tensor(0).data)

    def repeated(tensor, case):
        """Keys or values for every query head: the operation itself knows no groups."""
        groups = case.heads // case.kv_heads
        if groups == 1:
            return tensor
        width = case.head_dim
        split = ops.unsqueeze(tensor, ops.constant(2))
        shape = [case.batch, case.kv_heads, groups, case.key_length, width]
        wide = ops.broadcast(split, ops.constant(shape), broadcast_spec="BIDIRECTIONAL")
        flat = [case.batch, case.heads, case.key_length, width]
        return ops.reshape(wide, ops.constant(flat), special_zero=False)

    return {"openvino": openvino.__version__}, {"sdpa": prepare}


serve(make_peer)
