"""OpenVINO: the operation ScaledDotProductAttention on its CPU plugin, in f32 or bf16."""

from peer_protocol import serve, widened


def make_peer(threads):
    import numpy
    import openvino
    from openvino import opset13 as ops

    core = openvino.Core()
    types = {"float32": openvino.Type.f32, "uint16": openvino.Type.bf16, "bool": openvino.Type.boolean}

    def prepare(case):
        case.refuse_other_than(dtypes=("f32", "bf16"))
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Of itself it would compute in bf16 wherever the processor can.
            "INFERENCE_PRECISION_HINT": case.dtype,
        }
        arrays = {name: case.array(name) for name in ("q", "k", "v", "mask", "bias") if case.has(name)}
        inputs = {
            name: ops.parameter(list(array.shape), types[array.dtype.name], name=name)
            for name, array in arrays.items()
        }
        kind = types[arrays["q"].dtype.name]
        k, v = (repeated(inputs[name], case) for name in "kv")
        mask = inputs.get("mask")
        if mask is None:
            mask = ops.convert(inputs.get("bias", ops.constant(numpy.zeros([], numpy.float32))), kind)
        scale = ops.convert(ops.constant(numpy.float32(case.scale)), kind)
        result = ops.scaled_dot_product_attention(inputs["q"], k, v, mask, scale, causal=case.causal)
        model = openvino.Model([result], list(inputs.values()), "attention")
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        # The tensors share the arrays' memory but do not keep it: `run` holds both.
        tensors = [openvino.Tensor(array, array.shape, types[array.dtype.name]) for array in arrays.values()]
        for index, tensor in enumerate(tensors):
            request.set_input_tensor(index, tensor)

        def run(_held=(arrays, tensors)):
            request.infer()
            return request

        def output(request):
            data = request.get_output_tensor(0).data
            return numpy.array(data) if case.dtype == "f32" else widened(data.view(numpy.uint16))

        return run, output

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
