import Foundation
import GGUF
import PyTorchCheckpoints
import Safetensors

/// A folder with a model's files, found by their names.
struct ModelFolder {
    let path: String
    private let names: [String]

    init(path: String) throws(PretrainedModelError) {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw PretrainedModelError(path: path, reason: .noFolder)
        }
        self.path = path
        self.names = names.sorted()
    }

    func contains(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/" + name)
    }

    /// The path of the file called `name`.
    func file(_ name: String) throws(PretrainedModelError) -> String {
        guard contains(name) else { throw PretrainedModelError(path: path, reason: .missingFile(anyOf: [name])) }
        return path + "/" + name
    }

    /// The path of the one file whose name has this ending, or nil if there is none.
    func only(_ ending: String) throws(PretrainedModelError) -> String? {
        let found = names.filter { $0.hasSuffix(ending) }
        guard found.count <= 1 else { throw PretrainedModelError(path: path, reason: .severalFiles(found)) }
        return found.first.map { path + "/" + $0 }
    }

    /// The path of the one file whose name has this ending.
    func required(_ ending: String) throws(PretrainedModelError) -> String {
        guard let file = try only(ending) else {
            throw PretrainedModelError(path: path, reason: .missingFile(anyOf: ["*" + ending]))
        }
        return file
    }
}
