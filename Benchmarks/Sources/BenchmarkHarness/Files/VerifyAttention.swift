import AttentionKernels
import Safetensors

/// Compares attention outputs with the oracle.
enum VerifyAttention {
    /// The most numbers that a check of whole weights may keep in memory.
    private static let maximumWeights = 1 << 24

    /// Checks every kernel, or the tensors of `candidate` if there is one.
    static func run(
        _ workload: AttentionWorkload, candidate: SafetensorsFile?, checksAllRows: Bool, multiplyAdds: Int,
        seed: UInt64
    ) throws -> Verification {
        // The library looks at shapes and options first, so that the oracle gets none that do not fit. One thread
        // and the smallest workspace do for that.
        _ = try workload.attend(.fused, returning: [], execution: Execution(threads: 1))
        var workload = workload
        // A candidate is judged by the type it has.
        if let candidate, candidate.contains("o") { workload.outputType = try candidate.numberTensor("o").dataType }
        let shape = workload.shape
        let weightCount = shape.rowCount * shape.keyLength
        let givesOutputAlone = workload.byteCache != nil
        let wantsWeights =
            !givesOutputAlone && candidate?.contains("weights") ?? (weightCount <= maximumWeights)
        var limit = checksAllRows ? Int.max : AttentionReference.rowLimit(shape, multiplyAdds: multiplyAdds)
        if wantsWeights && !checksAllRows { limit = min(limit, maximumWeights / max(1, shape.keyLength)) }
        let reference = try AttentionReference(workload, rowLimit: limit, keepsWeights: wantsWeights, seed: seed)

        var result = Verification(
            rowsChecked: reference.rows.count, isComplete: reference.isComplete, isScaled: false)
        if let candidate {
            result.lines = try lines(of: candidate, workload, reference)
            let maps = Apply.mapNames.filter(candidate.contains)
            if !maps.isEmpty {
                result.remarks.append("\(maps.joined(separator: ", ")): not checked, only o, lse and weights are.")
            }
            return result
        }
        if givesOutputAlone {
            result.remarks.append("Only o was checked: a cache of 8 bits gives nothing else.")
        } else if !wantsWeights {
            result.remarks.append(
                "The weights were not checked: they are \(weightCount) numbers, more than \(maximumWeights).")
        }
        for contestant in Verification.contestants {
            let computed = try workload.attend(
                contestant.kernel, returning: givesOutputAlone ? [] : wantsWeights ? [.lse, .weights] : [.lse],
                execution: contestant.execution)
            let outputs: [(String, (any NumberTensor)?)] = [
                ("o", computed.output), ("lse", computed.lse), ("weights", computed.weights),
            ]
            for case (let name, let tensor?) in outputs {
                result.lines.append(line(name, tensor, contestant.source, reference))
            }
        }
        return result
    }

    private static func lines(
        of candidate: SafetensorsFile, _ workload: AttentionWorkload, _ reference: AttentionReference
    ) throws -> [Verification.Line] {
        let shape = workload.shape
        let leading = Array(workload.query.shape.dropLast())
        let shapes = [("o", leading + [shape.valueDim]), ("lse", leading), ("weights", leading + [shape.keyLength])]
        if ["lse", "weights"].contains(where: candidate.contains) {
            try workload.requireNoCache(for: "lse and weights")
        }
        try candidate.requireOnly(shapes.map(\.0) + Apply.mapNames)
        let lines = try shapes.filter { candidate.contains($0.0) }.map { name, expected in
            let tensor = name == "o" ? try candidate.numberTensor(name) : try candidate.floatTensor(name)
            try require(tensor, name, expected, candidate)
            return line(name, tensor, [candidate.path], reference)
        }
        if lines.isEmpty {
            throw HarnessError("\(candidate.path) should have at least one of the tensors o, lse, weights")
        }
        return lines
    }

    private static func line(
        _ name: String, _ tensor: any NumberTensor, _ source: [String], _ reference: AttentionReference
    ) -> Verification.Line {
        let (errors, bound) = tensor.withFloats { elements in
            switch name {
            case "o": (reference.errors(ofOutput: elements), reference.outputBound)
            case "lse": (reference.errors(ofLSE: elements), reference.lseBound)
            default: (reference.errors(ofWeights: elements), reference.weightsBound)
            }
        }
        return Verification.Line(
            source: source, tensor: name, maxError: errors.maximum, meanError: errors.mean,
            judgedError: errors.maximum, bound: bound)
    }

    static func require(
        _ tensor: any NumberTensor, _ name: String, _ shape: [Int], _ file: SafetensorsFile
    ) throws(HarnessError) {
        guard tensor.shape == shape else {
            throw HarnessError(
                "\(file.path): tensor \"\(name)\" has the shape \(tensor.shape); for this input it should be \(shape)")
        }
    }
}
