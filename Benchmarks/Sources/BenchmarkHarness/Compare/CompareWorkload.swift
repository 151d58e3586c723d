import AttentionKernels
import Foundation

extension AttentionWorkload {
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
        func add(_ name: String, _ tensor: any NumberTensor) throws(HarnessError) {
            try add(name, tensor.shape, tensor.dataType.shortName, tensor.withBytes { Data($0) })
        }
        try add("q", query)
        try add("k", key)
        try add("v", value)
        if let mask { try add("mask", mask.shape, "u8", Data(mask.bytes)) }
        if let bias { try add("bias", bias) }
        let shape = shape
        return PeerMessages.AttentionCase(
            dtype: SweepDType(query.dataType, key.dataType).rawValue, batch: shape.batch, heads: shape.heads,
            kvHeads: shape.kvHeads,
            queryLength: shape.queryLength, keyLength: shape.keyLength, headDim: shape.headDim,
            valueDim: shape.valueDim, causal: causality == .bottomRight,
            scale: scale ?? 1 / Float(shape.headDim).squareRoot(), tensors: tensors)
    }
}

/// The library's own fused kernel on a case.
final class OwnAttention: Contestant {
    let processIdentifier = getpid()
    private let call: AttentionCall
    private let execution: Execution

    init(_ workload: AttentionWorkload, isa: InstructionSet, threads: Int) throws(KernelError) {
        call = try AttentionCall.make(workload)
        execution = Execution(threads: threads, instructionSet: isa)
    }

    func burst(_ repetitions: Int) throws(ContestantFailure) -> [Double] {
        do throws(KernelError) {
            var seconds: [Double] = []
            for _ in 0..<repetitions {
                let start = Stopwatch.now
                try call.run(.fused, execution: execution)
                seconds.append(Stopwatch.now - start)
            }
            return seconds
        } catch {
            throw ContestantFailure("\(error)")
        }
    }

    /// The largest error of what the last run wrote.
    func error(_ reference: AttentionReference) -> Double {
        reference.errors(ofOutput: call.outcome.output).maximum
    }
}
