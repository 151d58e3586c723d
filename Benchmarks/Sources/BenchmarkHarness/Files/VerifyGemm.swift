import AttentionKernels
import Safetensors

/// Compares matrix products with the oracle.
enum VerifyGemm {
    /// Checks every kernel, or the tensor `c` of `candidate` if there is one.
    static func run(
        _ workload: GemmWorkload, candidate: SafetensorsFile?, checksAllRows: Bool, multiplyAdds: Int, seed: UInt64
    ) throws -> Verification {
        // The library looks at the shapes first, so that the oracle gets none that do not fit.
        let product = try workload.multiply(.fused, execution: Execution(threads: 1))
        let limit = checksAllRows ? Int.max : GemmReference.rowLimit(workload, multiplyAdds: multiplyAdds)
        let reference = try GemmReference(workload, rowLimit: limit, seed: seed)
        var result = Verification(
            rowsChecked: reference.rows.count, isComplete: reference.isComplete, isScaled: true)
        if let candidate {
            try candidate.requireOnly(["c"])
            let tensor = try candidate.numberTensor("c")
            try VerifyAttention.require(tensor, "c", product.shape, candidate)
            result.lines = [line(tensor, [candidate.path], reference)]
            return result
        }
        for contestant in Verification.contestants {
            let computed = try workload.multiply(contestant.kernel, execution: contestant.execution)
            result.lines.append(line(computed, contestant.source, reference))
        }
        return result
    }

    private static func line(
        _ tensor: any NumberTensor, _ source: [String], _ reference: GemmReference
    ) -> Verification.Line {
        let errors = reference.errors(of: tensor)
        return Verification.Line(
            source: source, tensor: "c", maxError: errors.absolute.maximum, meanError: errors.absolute.mean,
            judgedError: errors.scaled, bound: reference.scaledBound)
    }
}
