import AttentionKernels
import Foundation

extension AttentionWorkload {
    /// The tensors of a case of `compare`: normally distributed, the same ones for the same seed.
    ///
    /// Padding hides the last eighth of the keys.
    init(_ compareCase: CompareCase, seed: UInt64) throws(KernelError) {
        let shape = compareCase.shape
        try self.init(shape: shape, mask: compareCase.mask == .causal ? .causal : .none, seed: seed)
        switch compareCase.mask {
        case .none, .causal: break
        case .padding:
            let visible = shape.keyLength - shape.keyLength / 8
            let row = (0..<shape.keyLength).map { UInt8($0 < visible ? 1 : 0) }
            mask = Mask(
                shape: [shape.batch, 1, 1, shape.keyLength],
                bytes: (0..<shape.batch).flatMap { _ in row }, keeps: true)
        case .bias:
            var generator = SeededGenerator(seed: seed &+ 1)
            bias = try Tensor(
                shape: [1, 1, shape.queryLength, shape.keyLength],
                elements: generator.gaussians(shape.queryLength * shape.keyLength))
        }
    }

    /// Writes the tensors into `folder` and describes the case as peers are told of it.
    ///
    /// - Throws: ``HarnessError`` if a file cannot be written.
    func write(to folder: String) throws(HarnessError) -> PeerMessages.AttentionCase {
        var tensors: [String: PeerMessages.TensorFile] = [:]
        func add(_ name: String, _ shape: [Int], _ dtype: String, _ bytes: Data) throws(HarnessError) {
            let path = "\(folder)/\(name)"
            try OutputFile.write(bytes, to: path)
            tensors[name] = PeerMessages.TensorFile(path: path, shape: shape, dtype: dtype)
        }
        func bytes(_ tensor: Tensor) -> Data { tensor.span.withUnsafeBufferPointer { Data(buffer: $0) } }
        try add("q", query.shape, "f32", bytes(query))
        try add("k", key.shape, "f32", bytes(key))
        try add("v", value.shape, "f32", bytes(value))
        if let mask { try add("mask", mask.shape, "u8", Data(mask.bytes)) }
        if let bias { try add("bias", bias.shape, "f32", bytes(bias)) }
        let shape = shape
        return PeerMessages.AttentionCase(
            dtype: "f32", batch: shape.batch, heads: shape.heads, kvHeads: shape.kvHeads,
            queryLength: shape.queryLength, keyLength: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim, causal: causality == .bottomRight,
            scale: scale ?? 1 / Float(shape.headDim).squareRoot(), tensors: tensors)
    }
}

/// The library's own fused kernel on a case, through its interface for tensors.
final class OwnAttention: Contestant {
    let processIdentifier = getpid()
    private let workload: AttentionWorkload
    private let options: AttentionOptions
    private let execution: Execution
    private var output: Tensor

    init(_ workload: AttentionWorkload, isa: InstructionSet, threads: Int) throws(KernelError) {
        let shape = workload.shape
        self.workload = workload
        options = try workload.options()
        execution = Execution(threads: threads, instructionSet: isa)
        output = try Tensor(shape: [shape.batch, shape.heads, shape.queryLength, shape.valueDim]) { _ in .nan }
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        do throws(KernelError) {
            var seconds: [Double] = []
            for _ in 0..<repetitions {
                let start = Stopwatch.now
                try run()
                seconds.append(Stopwatch.now - start)
            }
            return seconds
        } catch {
            throw ContestantFailure("\(error)")
        }
    }

    /// The largest error of what the last run wrote.
    func error(_ reference: AttentionReference) -> Double {
        let output = output
        return output.span.withUnsafeBufferPointer { reference.errors(ofOutput: $0).maximum }
    }

    private func run() throws(KernelError) {
        try AttentionKernel.fused.forward(
            query: workload.query, key: workload.key, value: workload.value, into: &output, options: options,
            execution: execution)
    }
}
