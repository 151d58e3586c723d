import AttentionKernels
import Foundation
import Safetensors
import TestSupport
import Testing

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

    static func json<Value: Decodable>(_ path: String, as _: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Every kernel on every instruction set with 1 and 2 threads; beside the fused kernel only on the best one, which the
    /// library would choose.
    static let configurations = KernelConfiguration.all.filter {
        [1, 2].contains($0.configuration.threads)
            && ($0.kernel == .fused || $0.configuration.instructionSet == InstructionSet.available.first)
    }
}

/// The largest difference between `values` and `expected`.
func largestDifference(_ values: some Collection<Float>, _ expected: some Collection<Double>) -> Double {
    precondition(values.count == expected.count)
    return zip(values, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
}
