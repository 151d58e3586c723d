import AttentionKernels
import PyTorchCheckpoints
import Tokenizers
import Transformer

/// The encoder-decoder Transformer with its tokenizer: from one line of SMILES to another, as ANNalog does it
/// (post-norm, learned positions).
public struct SequenceTranslator: Sendable {
    /// The model.
    public let model: EncoderDecoderModel
    /// The tokenizer of source and target.
    public let tokenizer: SMILESTokenizer
    private let path: String

    /// The width of a head, which no file of the model tells.
    private static let headSize = 32

    /// The translator whose files are in `folder`: one `*.pt` with the weights and one `*vocab*.pkl` with the tokens.
    ///
    /// A checkpoint has no configuration, so the sizes are those of its tensors, with heads of width 32.
    ///
    /// - Throws: ``PretrainedModelError`` if a file is missing or a tensor that tells a size is, and what the readers
    ///   of weights and vocabulary throw.
    public init(folder path: String, precision: Precision = .float32, execution: Execution = .shared) throws {
        let folder = try ModelFolder(path: path)
        let weights = try PyTorchCheckpoint(path: folder.required(".pt"))
        tokenizer = try SMILESTokenizer(tokens: PickledVocabulary(path: folder.required(".pkl")).tokens)
        let configuration = try Self.configuration(
            weights, startToken: tokenizer.startToken, endToken: tokenizer.endToken)
        let size = min(configuration.sourceVocabularySize, configuration.targetVocabularySize)
        guard tokenizer.vocabularySize <= size else {
            throw PretrainedModelError(
                path: path, reason: .vocabularyMismatch(tokenizer: tokenizer.vocabularySize, model: size))
        }
        model = try EncoderDecoderModel(configuration, weights: weights, precision: precision, execution: execution)
        self.path = path
    }

    private static func configuration(
        _ weights: PyTorchCheckpoint, startToken: Int, endToken: Int
    ) throws -> EncoderDecoderConfiguration {
        func sizes(_ name: String) throws -> (Int, Int) {
            let shape = try weights.tensor(name).shape
            guard shape.count == 2 else {
                throw PretrainedModelError(path: weights.path, reason: .badField(name, expected: "a matrix"))
            }
            return (shape[0], shape[1])
        }
        func layers(_ part: String) -> Int {
            var count = 0
            while weights.contains("\(part).layers.\(count).self_attention.fc_q.weight") { count += 1 }
            return count
        }
        let (sources, width) = try sizes("encoder.tok_embedding.weight")
        return EncoderDecoderConfiguration(
            sourceVocabularySize: sources, targetVocabularySize: try sizes("decoder.tok_embedding.weight").0,
            hiddenSize: width, encoderLayerCount: layers("encoder"), decoderLayerCount: layers("decoder"),
            headCount: width / headSize,
            feedForwardSize: try sizes("encoder.layers.0.positionwise_feedforward.fc_1.weight").0,
            maximumLength: try sizes("encoder.pos_embedding.weight").0, startToken: startToken, endToken: endToken)
    }

    /// The ids of `text` between `<sos>` and `<eos>`.
    ///
    /// - Throws: ``PretrainedModelError`` if they are more than the model has positions.
    public func tokens(of text: String) throws(PretrainedModelError) -> [Int] {
        let ids = tokenizer.encode(text)
        let limit = model.configuration.maximumLength
        guard ids.count <= limit else {
            throw PretrainedModelError(path: path, reason: .textTooLong(tokens: ids.count, limit: limit))
        }
        return ids
    }
}
