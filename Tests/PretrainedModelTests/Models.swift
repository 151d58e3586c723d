import AttentionKernels
import Foundation
import Safetensors
import TestSupport
import Testing
import Transformer

/// The models that `bash Tests/fetch-models` fetches, and their references.
enum Models {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The folder of the model called `name`.
    static func folder(_ name: String) -> String {
        (ProcessInfo.processInfo.environment["ATTENTION_KERNELS_MODELS"] ?? root + "/.models") + "/" + name
    }

    /// The path of a file of the references.
    static func reference(_ name: String) -> String { "\(root)/Tests/Conformance/models/\(name)" }

    /// Lets a test run only where the model is there.
    static func needs(_ name: String) -> ConditionTrait {
        .enabled(
            if: FileManager.default.fileExists(atPath: folder(name)),
            "the model \(name) is not in \(folder(name)): bash Tests/run --models fetches it")
    }

    /// A tensor of doubles of the references.
    static func doubles(_ file: SafetensorsFile, _ name: String) throws -> [Double] {
        try file.tensor(name).withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)))
            }
        }
    }

    /// What a file of the references says; `greedy_ids` there is `greedyIds` here.
    static func json<Value: Decodable>(_ path: String, as _: Value.Type = Value.self) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Every kernel on every instruction set with 1 and 2 threads.
    static let configurations = KernelConfiguration.all.filter { [1, 2].contains($0.configuration.threads) }
}

/// The largest difference between `values` and `expected`.
func largestDifference(_ values: some Collection<Float>, _ expected: some Collection<Double>) -> Double {
    precondition(values.count == expected.count)
    return zip(values, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}

// Rows of a hundred thousand logits are copied and compared whole: a closure for each takes minutes where nothing is
// optimised.
extension DecoderContext {
    /// A copy of the first row of logits of the last call.
    var firstLogits: [Float] { withLogits(0) { row in row.withUnsafeBufferPointer { Array($0) } } }

    /// The positions whose logits have other bits than those of `rows` when all tokens are computed anew at once.
    func positionsWithOtherBits(of tokens: [Int], than rows: [[Float]]) throws -> [Int] {
        precondition(tokens.count == rows.count)
        var positions: [Int] = []
        try forEachLogits(of: tokens) { position, row in
            let isSame = row.withUnsafeBytes { found in
                rows[position].withUnsafeBytes {
                    $0.count == found.count && memcmp(found.baseAddress!, $0.baseAddress!, found.count) == 0
                }
            }
            if !isSame { positions.append(position) }
        }
        return positions
    }
}
