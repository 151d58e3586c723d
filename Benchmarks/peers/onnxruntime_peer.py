"""ONNX Runtime: the standard operation Attention, and the contributed MultiHeadAttention and GroupQueryAttention."""

from peer_protocol import Refused, serve


def make_peer(threads):
    import numpy
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    kinds = {
        numpy.dtype("float32"): TensorProto.FLOAT,
        numpy.dtype("bool"): TensorProto.BOOL,
        numpy.dtype("int32"): TensorProto.INT32,
    }

    def session(node, inputs, outputs, opsets):
        """A session of one node with its inputs bound to memory of their own and its outputs to its choice."""
        graph = helper.make_graph(
            [node],
            "attention",
            [helper.make_tensor_value_info(name, kinds[a.dtype], a.shape) for name, a in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opsets])
        model.ir_version = 11
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        ready = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        binding = ready.io_binding()
        values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in inputs.items()}
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        return ready, binding, values

    def runner(ready, binding):
        def run():
            ready.run_with_iobinding(binding)
            return binding

        return run

    def rows(array):
        """[batch, head, position, column] as [batch, position, head and column]."""
        b, h, s, d = array.shape
        return numpy.ascontiguousarray(array.transpose(0, 2, 1, 3)).reshape(b, s, h * d)

    def heads_first(array, case):
        split = array.reshape(case.batch, case.query_length, case.heads, case.value_dim)
        return numpy.ascontiguousarray(split.transpose(0, 2, 1, 3))

    def attention(case):
        case.refuse_other_than()
        inputs = {name: case.array(name) for name in "qkv"}
        shape = (case.batch, case.heads, case.query_length, case.key_length)
        for name in ("mask", "bias"):
            if case.has(name):
                # The operation wants the mask's last two sizes as they are.
                full = numpy.broadcast_to(case.array(name), (shape[0] if name == "mask" else 1, 1) + shape[2:])
                inputs["mask"] = numpy.ascontiguousarray(full)
        node = helper.make_node(
            "Attention", list(inputs), ["o"], is_causal=int(case.causal), scale=float(case.scale)
        )
        ready, binding, _ = session(node, inputs, ["o"], [("", 23)])
        binding.bind_output("o", "cpu")
        return runner(ready, binding), lambda b: b.copy_outputs_to_cpu()[0]

    def multi_head_attention(case):
        case.refuse_other_than(grouped=False)
        inputs = {name: rows(case.array(name)) for name in "qkv"}
        names = ["q", "k", "v"]
        if case.has("mask"):
            inputs["mask"] = case.array("mask").reshape(case.batch, case.key_length).astype(numpy.int32)
            names += ["", "mask"]
        if case.has("bias"):
            inputs["bias"] = case.array("bias")
            names += ["", "", "bias"]
        node = helper.make_node(
            "MultiHeadAttention",
            names,
            ["o"],
            domain="com.microsoft",
            num_heads=case.heads,
            scale=float(case.scale),
            unidirectional=int(case.causal),
        )
        ready, binding, _ = session(node, inputs, ["o"], [("", 21), ("com.microsoft", 1)])
        binding.bind_output("o", "cpu")
        return runner(ready, binding), lambda b: heads_first(b.copy_outputs_to_cpu()[0], case)

    def group_query_attention(case):
        case.refuse_other_than(mask=False, bias=False)
        decodes = case.query_length == 1 and case.key_length > 1
        if not case.causal and not decodes:
            raise Refused("it is always causal")
        # In decode the cache holds every key already; the operation appends the last one again, in place.
        k, v = case.array("k"), case.array("v")
        new = slice(case.key_length - case.query_length, None)
        inputs = {
            "q": rows(case.array("q")),
            "k": rows(k[:, :, new]),
            "v": rows(v[:, :, new]),
            "past_k": k if decodes else numpy.zeros_like(k),
            "past_v": v if decodes else numpy.zeros_like(v),
            "lengths": numpy.full(case.batch, case.key_length - 1, numpy.int32),
            "total": numpy.array([case.key_length], numpy.int32),
        }
        node = helper.make_node(
            "GroupQueryAttention",
            list(inputs),
            ["o", "new_k", "new_v"],
            domain="com.microsoft",
            num_heads=case.heads,
            kv_num_heads=case.kv_heads,
            scale=float(case.scale),
        )
        ready, binding, values = session(node, inputs, ["o", "new_k", "new_v"], [("", 21), ("com.microsoft", 1)])
        binding.bind_output("o", "cpu")
        for past, new_name in (("past_k", "new_k"), ("past_v", "new_v")):
            binding.bind_ortvalue_output(new_name, values[past])
        return runner(ready, binding), lambda b: heads_first(b.get_outputs()[0].numpy(), case)

    versions = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
    routes = {
        "Attention": attention,
        "MultiHeadAttention": multi_head_attention,
        "GroupQueryAttention": group_query_attention,
    }
    return versions, routes


serve(make_peer)
