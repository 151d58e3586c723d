import AttentionKernels
import Transformer

/// A model of any kind that this library runs, told by the files of its folder.
public enum PretrainedModel: Sendable {
    /// `config.json` and `*.safetensors` of a BERT encoder.
    case sentenceEncoder(SentenceEncoder)
    /// A `*.pt` of an encoder-decoder.
    case translator(SequenceTranslator)
    /// A `*.gguf` of a Llama decoder.
    case chat(ChatModel)

    /// The model whose files are in `folder`.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - precision: in what precision to compute; nil for `integer16` if a decoder's weights are quantised, else
    ///     `float32`.
    ///   - execution: threads and instruction set of all calls.
    /// - Throws: ``PretrainedModelError`` if there is no such folder, or none of the three kinds of weights in it, and what
    ///   the readers throw.
    public init(folder path: String, precision: Precision? = .float32, execution: Execution = .shared) throws {
        let folder = try ModelFolder(path: path)
        if try folder.only(".gguf") != nil {
            self = .chat(try ChatModel(folder: path, precision: precision, execution: execution))
        } else if try folder.only(".pt") != nil {
            self = .translator(
                try SequenceTranslator(folder: path, precision: precision ?? .float32, execution: execution))
        } else if try folder.only(".safetensors") != nil {
            self = .sentenceEncoder(
                try SentenceEncoder(folder: path, precision: precision ?? .float32, execution: execution))
        } else {
            throw PretrainedModelError(
                path: path, reason: .missingFile(anyOf: ["*.gguf", "*.pt", "*.safetensors"]))
        }
    }
}
