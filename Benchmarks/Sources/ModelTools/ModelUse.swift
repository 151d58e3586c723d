import AttentionKernels
import BenchmarkHarness
import Foundation
import PretrainedModels
import Transformer

/// Which model a command uses, and how it computes.
public struct ModelUse: Sendable {
    /// The folder of the model.
    public var folder: String
    /// The kernel of attention.
    public var kernel = AttentionKernel.fused
    /// In what precision the model computes; nil for what the command prefers.
    public var precision: Precision?
    /// Threads and instruction set.
    public var execution = Execution()

    /// The model in `folder`, used as is usual.
    public init(folder: String) { self.folder = folder }

    /// The model.
    ///
    /// - Parameter preferred: the precision where none is asked for; nil leaves it to the model's weights.
    /// - Throws: what reading the model throws.
    func model(preferring preferred: Precision? = .float32) throws -> PretrainedModel {
        try PretrainedModel(folder: folder, precision: precision ?? preferred, execution: execution)
    }

    /// The model, which must be of the kind that `choose` picks.
    ///
    /// - Throws: ``HarnessError`` that says which kind the command needs, and what reading the model throws.
    func model<Model>(
        _ kind: String, preferring preferred: Precision? = .float32, _ choose: (PretrainedModel) -> Model?
    ) throws -> Model {
        let model = try model(preferring: preferred)
        guard let chosen = choose(model) else {
            throw HarnessError("--model: \(folder) holds \(model.kind); it should hold \(kind)")
        }
        return chosen
    }
}

extension PretrainedModel {
    /// What it is, in words.
    var kind: String {
        switch self {
        case .sentenceEncoder: "an encoder of sentences (*.safetensors)"
        case .translator: "an encoder-decoder (*.pt)"
        case .chat: "a decoder (*.gguf)"
        }
    }
}

/// Texts and numbers from the command line and from files.
public enum ModelInput {
    /// The lines of the text file at `path`, empty ones too.
    ///
    /// - Throws: ``HarnessError`` if the file cannot be read or is not UTF-8.
    public static func lines(_ path: String) throws(HarnessError) -> [String] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw HarnessError("--input: \(path) could not be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw HarnessError("--input: \(path) is not UTF-8 text")
        }
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { String(Substring($0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0)) }
    }

    /// Token ids with commas between: `1,2,3`.
    ///
    /// - Throws: ``HarnessError`` that names `option`.
    public static func ids(_ text: String, option: String) throws(HarnessError) -> [Int] {
        var ids: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let id = Int(part.trimmingCharacters(in: .whitespaces)), id >= 0 else {
                throw HarnessError("\(option): \"\(part)\" should be a token's id, an integer of at least 0")
            }
            ids.append(id)
        }
        return ids
    }
}

/// JSON as the commands print it.
public enum ModelOutput {
    /// `value` as JSON, its members sorted by name.
    public static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
