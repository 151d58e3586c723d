import AttentionKernels

/// What a call of attention wrote.
public struct AttentionOutcome: Sendable {
    /// The attention, of the queries' rank.
    public var output: any NumberTensor
    /// The log-sum-exp, if it was asked for.
    public var lse: Tensor?
    /// The weights, if they were asked for.
    public var weights: Tensor?
}

/// A call of attention that can be repeated: inputs, options and outputs of its own, made once.
class AttentionCall {
    /// Makes the call, through the library's interface for borrowed memory.
    func run(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) {
        preconditionFailure("a call has types")
    }

    /// What the last run wrote; what none has written is NaN.
    var outcome: AttentionOutcome { preconditionFailure("a call has types") }

    /// The call that `workload` describes.
    ///
    /// - Throws: ``KernelError`` if a mask's bytes do not fit its shape, or there is not enough memory.
    static func make(
        _ workload: AttentionWorkload, returning outputs: AttentionOutputs = []
    ) throws(KernelError) -> AttentionCall {
        func call<Output: TensorElement>(
            _ query: some NumberTensor, _ key: some NumberTensor, _ value: some NumberTensor, as _: Output.Type
        ) throws(KernelError) -> AttentionCall {
            if let cache = workload.byteCache {
                precondition(outputs.isEmpty, "a cache returns the output alone")
                return try CachedAttentionCall<_, Output>(workload, cache, query.typed)
            }
            return try TypedAttentionCall<_, _, _, Output>(workload, outputs, query.typed, key.typed, value.typed)
        }
        func typed(
            _ query: some NumberTensor, _ key: some NumberTensor, _ value: some NumberTensor
        ) throws(KernelError) -> AttentionCall {
            switch workload.outputType ?? query.dataType {
            case .float32: try call(query, key, value, as: Float.self)
            case .bfloat16: try call(query, key, value, as: BFloat16.self)
            case .float16: try call(query, key, value, as: Float16.self)
            }
        }
        return try typed(workload.query, workload.key, workload.value)
    }
}

private final class TypedAttentionCall<
    Query: TensorElement, Key: TensorElement, Value: TensorElement, Output: TensorElement
>: AttentionCall {
    /// What does not change from call to call.
    private struct Inputs {
        let workload: AttentionWorkload
        let visibility: KeyVisibility
        let outputs: AttentionOutputs
        let query: TypedTensor<Query>
        let key: TypedTensor<Key>
        let value: TypedTensor<Value>
        // Empty where the workload has none: a span needs an owner.
        let maskBytes: [UInt8]
        let floatBias: Tensor
        let bfloat16Bias: TypedTensor<BFloat16>
        let float16Bias: TypedTensor<Float16>
        let keyLengths: [Int]
        let queryLayout, keyLayout, valueLayout, outputLayout, rowLayout, weightsLayout: AttentionLayout
        let maskLayout, biasLayout: ScoreLayout
    }

    private let inputs: Inputs
    private var output: TypedTensor<Output>
    // Empty where it was not asked for.
    private var lse: Tensor
    private var weights: Tensor

    init(
        _ workload: AttentionWorkload, _ outputs: AttentionOutputs, _ query: TypedTensor<Query>,
        _ key: TypedTensor<Key>, _ value: TypedTensor<Value>
    ) throws(KernelError) {
        var visibility = workload.visibility
        visibility.blocks = try workload.blockMask
        let shape = workload.shape
        func rows(_ width: Int) -> AttentionLayout {
            .bhsd(batch: shape.batch, heads: shape.heads, length: shape.queryLength, width: width)
        }
        inputs = Inputs(
            workload: workload, visibility: visibility, outputs: outputs, query: query, key: key, value: value,
            maskBytes: workload.mask?.bytes ?? [],
            floatBias: try Self.typedBias(workload), bfloat16Bias: try Self.typedBias(workload),
            float16Bias: try Self.typedBias(workload),
            keyLengths: workload.keyLengths ?? [], queryLayout: Self.layout(query.shape),
            keyLayout: Self.layout(key.shape), valueLayout: Self.layout(value.shape),
            outputLayout: rows(shape.valueDim), rowLayout: rows(1), weightsLayout: rows(shape.keyLength),
            maskLayout: Self.scoreLayout(workload.mask?.shape ?? []),
            biasLayout: Self.scoreLayout(workload.bias?.shape ?? []))
        let places = Array(query.shape.dropLast())
        func numbers(_ isWanted: Bool, _ shape: [Int]) throws(KernelError) -> Tensor {
            try Tensor(shape: isWanted ? shape : [0]) { _ in .nan }
        }
        output = try TypedTensor(shape: places + [shape.valueDim]) { _ in Output(.nan) }
        lse = try numbers(outputs.contains(.lse), places)
        weights = try numbers(outputs.contains(.weights), places + [shape.keyLength])
    }

    override var outcome: AttentionOutcome {
        AttentionOutcome(
            output: output, lse: inputs.outputs.contains(.lse) ? lse : nil,
            weights: inputs.outputs.contains(.weights) ? weights : nil)
    }

    override func run(_ kernel: AttentionKernel, execution: Execution) throws(KernelError) {
        try Self.run(kernel, inputs, &output, &lse, &weights, execution)
    }

    /// Static, so that each output is borrowed once for the whole call.
    private static func run(
        _ kernel: AttentionKernel, _ inputs: Inputs, _ output: inout TypedTensor<Output>, _ lse: inout Tensor,
        _ weights: inout Tensor, _ execution: Execution
    ) throws(KernelError) {
        let workload = inputs.workload
        var mask: MaskInput?
        if let given = workload.mask {
            let bytes = inputs.maskBytes.span
            mask = given.keeps ? .keep(bytes, inputs.maskLayout) : .drop(bytes, inputs.maskLayout)
        }
        var bias: BiasInput?
        switch workload.bias?.dataType {
        case nil: break
        case .float32: bias = BiasInput(inputs.floatBias.span, inputs.biasLayout)
        case .bfloat16: bias = BiasInput(inputs.bfloat16Bias.span, inputs.biasLayout)
        case .float16: bias = BiasInput(inputs.float16Bias.span, inputs.biasLayout)
        }
        var problem = AttentionProblem(
            query: AttentionInput(inputs.query.span, inputs.queryLayout),
            key: AttentionInput(inputs.key.span, inputs.keyLayout),
            value: AttentionInput(inputs.value.span, inputs.valueLayout), causality: workload.causality,
            scale: workload.scale, mask: mask, bias: bias,
            keyLengths: workload.keyLengths == nil ? nil : inputs.keyLengths.span,
            keepsFloatProbabilities: workload.keepsFloatProbabilities)
        problem.visibility = inputs.visibility
        problem.scores = workload.scores
        let place = AttentionOutput(output.mutableSpan, inputs.outputLayout)
        switch (inputs.outputs.contains(.lse), inputs.outputs.contains(.weights)) {
        case (false, false):
            try kernel.forward(problem, into: place, execution: execution)
        case (true, false):
            try kernel.forward(
                problem, into: place, lse: AttentionOutput(lse.mutableSpan, inputs.rowLayout), execution: execution)
        case (false, true):
            try kernel.forward(
                problem, into: place, weights: AttentionOutput(weights.mutableSpan, inputs.weightsLayout),
                execution: execution)
        case (true, true):
            try kernel.forward(
                problem, into: place, lse: AttentionOutput(lse.mutableSpan, inputs.rowLayout),
                weights: AttentionOutput(weights.mutableSpan, inputs.weightsLayout), execution: execution)
        }
    }

    /// The bias of `workload` if its elements are of this type, else an empty tensor.
    private static func typedBias<Element: TensorElement>(
        _ workload: AttentionWorkload
    ) throws(KernelError) -> TypedTensor<Element> {
        if let bias = workload.bias as? TypedTensor<Element> { return bias }
        return try TypedTensor(shape: [0]) { _ in Element(0) }
    }

    private static func layout(_ shape: [Int]) -> AttentionLayout {
        let sizes = AttentionWorkload.rank4(shape)
        return .bhsd(batch: sizes[0], heads: sizes[1], length: sizes[2], width: sizes[3])
    }

    private static func scoreLayout(_ shape: [Int]) -> ScoreLayout {
        let sizes = AttentionWorkload.rank4(shape)
        return ScoreLayout(batch: sizes[0], heads: sizes[1], queryLength: sizes[2], keyLength: sizes[3])
    }
}
