import Foundation
import Testing

/// Where the models are that `bash Tests/run --models` fetches.
enum ModelFolders {
    /// The folder of the package's clone.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The folder of the model called `name`.
    static func path(_ name: String) -> String {
        (ProcessInfo.processInfo.environment["ATTENTION_KERNELS_MODELS"] ?? root + "/.models") + "/" + name
    }

    /// Lets a test run only where the model is there.
    static func needs(_ name: String) -> ConditionTrait {
        .enabled(if: FileManager.default.fileExists(atPath: path(name)), "bash Tests/run --models fetches it")
    }
}
