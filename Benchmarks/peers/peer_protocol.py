"""The peer's side of the protocol of `attention-bench compare`; README.md beside this file describes it.

A peer is a file NAME_peer.py that ends in `serve(make_peer)`. `make_peer(threads)` imports the framework, sets its number
of threads and returns `(versions, routes)`: what it stands on, and for each name of a route a function `prepare(case)`.
That returns `(run, output)`: `run()` computes once and returns something, `output(something)` makes of it an array of
float32 in the order batch, head, query, column. What is not timed belongs into `prepare` and `output`.
"""

import json
import os
import time
import traceback

# The pipes are the protocol's alone: a framework may print, and one that forks may close the standard input. What it sees
# is the standard error and nothing.
_requests = os.fdopen(os.dup(0))
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
_nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(_nothing, 0)
os.close(_nothing)


class Refused(Exception):
    """The peer cannot compute the case; the message says why."""


class Case:
    """The sizes, mask and tensors of an attention."""

    def __init__(self, fields):
        self.dtype = fields["dtype"]
        self.batch = fields["batch"]
        self.heads = fields["heads"]
        self.kv_heads = fields["kvHeads"]
        self.query_length = fields["queryLength"]
        self.key_length = fields["keyLength"]
        self.head_dim = fields["headDim"]
        self.value_dim = fields["valueDim"]
        self.causal = fields["causal"]
        self.scale = fields["scale"]
        self._tensors = fields["tensors"]

    def has(self, name):
        return name in self._tensors

    def array(self, name):
        """The tensor as a NumPy array of its own memory; a mask as booleans, bf16 as the bits of each number."""
        import numpy

        tensor = self._tensors[name]
        kinds = {"f32": numpy.float32, "f16": numpy.float16, "bf16": numpy.uint16, "u8": numpy.bool_}
        return numpy.fromfile(tensor["path"], dtype=kinds[tensor["dtype"]]).reshape(tensor["shape"])

    def torch(self, name, torch):
        """The tensor as one of PyTorch, of its own memory; a bias as the queries' type, which holds it exactly."""
        array = torch.from_numpy(self.array(name))
        if self._tensors[name]["dtype"] == "bf16":
            array = array.view(torch.bfloat16)
        if name == "bias":
            array = array.to(self.torch_type(torch))
        return array

    def torch_type(self, torch):
        """What PyTorch calls the type of q, k and v."""
        return {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[self.dtype]

    def refuse_other_than(self, dtypes=("f32",), mask=True, bias=True, grouped=True, rectangular_causal=False):
        """Refuses what the route cannot do."""
        if self.dtype not in dtypes:
            raise Refused(f"it computes {', '.join(dtypes)}, not {self.dtype}")
        if self.has("mask") and not mask:
            raise Refused("it takes no boolean mask")
        if self.has("bias") and not bias:
            raise Refused("it takes no additive bias")
        if self.kv_heads != self.heads and not grouped:
            raise Refused("it needs as many key-value heads as query heads")
        if self.causal and self.query_length != self.key_length and not rectangular_causal:
            raise Refused("its causal mask is that of equal numbers of queries and keys")


def widened(bits):
    """Numbers of bf16, given as their bits, as float32."""
    import numpy

    return (bits.astype(numpy.uint32) << 16).view(numpy.float32)


class _Server:
    def __init__(self, make_peer):
        self.make_peer = make_peer
        self.routes = {}
        self.prepared = {}
        self.results = {}

    def answer(self, request):
        return getattr(self, "_" + request["ask"])(request)

    def _hello(self, request):
        versions, self.routes = self.make_peer(request["threads"])
        return {"versions": versions, "routes": list(self.routes)}

    def _prepare(self, request):
        route = request["route"]
        self.prepared[route] = self.routes[route](Case(request["attention"]))
        return {}

    def _run(self, request):
        route = request["route"]
        run = self.prepared[route][0]
        seconds = []
        result = None
        for _ in range(request["repetitions"]):
            start = time.perf_counter()
            result = run()
            seconds.append(time.perf_counter() - start)
        self.results[route] = result
        return {"seconds": seconds}

    def _write(self, request):
        route = request["route"]
        data = self.prepared[route][1](self.results[route]).tobytes()
        with open(request["path"], "wb") as file:
            file.write(data)
        return {}

    def _release(self, request):
        self.prepared.clear()
        self.results.clear()
        return {}


def serve(make_peer):
    """Answers requests from the standard input until it ends."""
    server = _Server(make_peer)
    for line in _requests:
        try:
            answer = server.answer(json.loads(line))
        except Refused as refusal:
            answer = {"refused": str(refusal)}
        except Exception as error:
            traceback.print_exc()
            text = str(error).strip().split("\n")[0][:200]
            answer = {"refused": f"{type(error).__name__}: {text}"}
        _answers.write(json.dumps(answer) + "\n")
        _answers.flush()
