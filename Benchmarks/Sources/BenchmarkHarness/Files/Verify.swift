import AttentionKernels
import Safetensors

/// Compares results with the double-precision oracle.
public enum Verify {
    /// The oracle's multiply-adds that are spent without being asked for all rows: some seconds.
    public static let multiplyAdds = 1 << 32

    /// Checks every kernel on the tensors of the file at `input`, or only the outputs in the file at `candidate`.
    ///
    /// The input holds an attention (`q`, `k`, `v`) or a matrix product (`a`, `b`).
    ///
    /// - Parameters:
    ///   - checksAllRows: whether to compare every row, however long that takes.
    ///   - multiplyAdds: the oracle's work otherwise.
    /// - Throws: an error of one sentence, if a file is not what it should be.
    public static func run(
        input: String, candidate: String?, attention: AttentionFileOptions, gemm: GemmFileOptions,
        checksAllRows: Bool = false, multiplyAdds: Int = Verify.multiplyAdds, seed: UInt64 = 1
    ) throws -> Verification {
        let file = try SafetensorsFile(path: input)
        let candidateFile = try candidate.map { path in try SafetensorsFile(path: path) }
        let holdsAttention = AttentionWorkload.inputNames.contains { file.contains($0) }
        let holdsGemm = GemmWorkload.inputNames.contains { file.contains($0) }
        guard holdsAttention || holdsGemm else {
            throw HarnessError(
                "\(input) should hold the tensors q, k, v of an attention or a, b of a matrix product; it has "
                    + (file.names.isEmpty ? "none" : file.names.joined(separator: ", ")))
        }
        if holdsAttention {
            return try VerifyAttention.run(
                AttentionWorkload(file: file, options: attention), candidate: candidateFile,
                checksAllRows: checksAllRows, multiplyAdds: multiplyAdds, seed: seed)
        }
        return try VerifyGemm.run(
            GemmWorkload(file: file, options: gemm), candidate: candidateFile, checksAllRows: checksAllRows,
            multiplyAdds: multiplyAdds, seed: seed)
    }
}
