import FileReading

/// A `tokenizer.json` of Hugging Face's tokenizers, of which the parts that BERT and byte-level models use are known;
/// everything else is an error, since a tokenizer that leaves a step out gives other ids.
struct TokenizerJSON {
    private let root: JSONValue
    private let path: String

    init(path: String) throws(TokenizerError) {
        root = try TokenizerFiles.object(path)
        self.path = path
    }

    func failure(_ reason: TokenizerError.Reason) -> TokenizerError { TokenizerError(path: path, reason: reason) }

    private func bad(_ field: String, _ expected: String) -> TokenizerError {
        failure(.badField(field, expected: expected))
    }

    private func unsupported(_ part: String, _ value: JSONValue?, _ expected: String) -> TokenizerError {
        let kind = value?["type"]?.text ?? (value == nil ? "none" : "without a type")
        return failure(.unsupported(part: part, kind: kind, expected: expected))
    }

    private var model: JSONValue? { root["model"] }

    /// The kind of model, such as `WordPiece`; BPE where old files do not say.
    var modelType: String { model?["type"]?.text ?? (model?["merges"] == nil ? "none" : "BPE") }

    /// The tokens by id: those of the model and those added.
    private func tokens() throws(TokenizerError) -> [String] {
        guard let vocabulary = model?["vocab"]?.members else { throw bad("model.vocab", "an object of ids") }
        var pairs: [(token: String, id: Int)] = []
        for member in vocabulary {
            guard let id = member.value.integer else { throw bad("model.vocab", "an object of ids") }
            pairs.append((member.name, id))
        }
        let known = Set(pairs.map(\.id))
        for token in try added() where !known.contains(token.id) {
            pairs.append((String(decoding: token.content, as: UTF8.self), token.id))
        }
        var tokens = [String?](repeating: nil, count: pairs.count)
        for (token, id) in pairs {
            guard tokens.indices.contains(id), tokens[id] == nil else {
                throw failure(.badIdentifier(token: token, identifier: id, count: pairs.count))
            }
            tokens[id] = token
        }
        return tokens.compactMap { $0 }
    }

    private func added() throws(TokenizerError) -> [AddedTokens.Token] {
        guard let list = root["added_tokens"] else { return [] }
        let expected = "an array of tokens with id, content and flags"
        guard let elements = list.elements else { throw bad("added_tokens", expected) }
        var tokens: [AddedTokens.Token] = []
        for element in elements {
            guard let id = element["id"]?.integer, let content = element["content"]?.text, !content.isEmpty else {
                throw bad("added_tokens", expected)
            }
            for flag in ["single_word", "normalized"] where element[flag]?.boolean == true {
                // Without a normaliser, what it would match in is the text itself.
                if flag == "normalized" && root["normalizer"] == nil { continue }
                throw failure(
                    .unsupported(part: "added token \"\(content)\"", kind: flag, expected: "one that is not \(flag)"))
            }
            tokens.append(
                .init(
                    id: id, content: Array(content.utf8), isSpecial: element["special"]?.boolean ?? false,
                    stripsLeft: element["lstrip"]?.boolean ?? false,
                    stripsRight: element["rstrip"]?.boolean ?? false))
        }
        return tokens
    }

    /// The tokens before and after a single text.
    private func markers() throws(TokenizerError) -> (opening: [String], closing: [String]) {
        let processor = root["post_processor"]
        switch processor?["type"]?.text {
        case nil where processor == nil: return ([], [])
        case "ByteLevel": return ([], [])
        case "BertProcessing":
            guard let opening = processor?["cls"]?.elements?.first?.text,
                let closing = processor?["sep"]?.elements?.first?.text
            else { throw bad("post_processor", "cls and sep, each a token and its id,") }
            return ([opening], [closing])
        case "TemplateProcessing":
            guard let items = processor?["single"]?.elements else {
                throw bad("post_processor.single", "an array of tokens around the text")
            }
            var (opening, closing): ([String], [String]) = ([], [])
            var isBehindText = false
            for item in items {
                if let token = item["SpecialToken"]?["id"]?.text {
                    if isBehindText { closing.append(token) } else { opening.append(token) }
                } else if item["Sequence"] != nil, !isBehindText {
                    isBehindText = true
                } else {
                    throw bad("post_processor.single", "an array of tokens around one text")
                }
            }
            return (opening, closing)
        default: throw unsupported("post-processor", processor, "TemplateProcessing, BertProcessing or ByteLevel")
        }
    }
}

extension TokenizerJSON {
    func wordPiece() throws(TokenizerError) -> WordPieceTokenizer.Description {
        guard modelType == "WordPiece" else { throw unsupported("model", model, "WordPiece") }
        let steps = root["normalizer"]
        guard steps?["type"]?.text == "BertNormalizer" else {
            throw unsupported("normalizer", steps, "BertNormalizer")
        }
        guard root["pre_tokenizer"]?["type"]?.text == "BertPreTokenizer" else {
            throw unsupported("pre-tokenizer", root["pre_tokenizer"], "BertPreTokenizer")
        }
        let lowercases = steps?["lowercase"]?.boolean ?? true
        var description = WordPieceTokenizer.Description(tokens: try tokens())
        description.added = try added()
        description.normalizer = BERTNormalizer(
            cleansText: steps?["clean_text"]?.boolean ?? true,
            isolatesIdeographs: steps?["handle_chinese_chars"]?.boolean ?? true,
            stripsAccents: steps?["strip_accents"]?.boolean ?? lowercases, lowercases: lowercases)
        description.prefix = model?["continuing_subword_prefix"]?.text ?? description.prefix
        description.unknown = model?["unk_token"]?.text ?? description.unknown
        description.maximumWordLength = model?["max_input_chars_per_word"]?.integer ?? description.maximumWordLength
        (description.opening, description.closing) = try markers()
        return description
    }

    func bytePairs() throws(TokenizerError) -> BytePairTokenizer {
        guard modelType == "BPE" else { throw unsupported("model", model, "BPE") }
        if root["normalizer"] != nil { throw unsupported("normalizer", root["normalizer"], "none") }
        for field in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let text = model?[field]?.text, !text.isEmpty {
                throw failure(.unsupported(part: "model's \(field)", kind: "\"\(text)\"", expected: "none"))
            }
        }
        if model?["byte_fallback"]?.boolean == true {
            throw failure(.unsupported(part: "model's byte_fallback", kind: "true", expected: "false"))
        }
        let tokens = try tokens()
        var description = BytePairTokenizer.Description(
            tokens: tokens, merges: try merges(), isolatesDigits: try isolatesDigits())
        let markers = try markers()
        for token in markers.opening { description.opening.append(try identifier(token, tokens)) }
        for token in markers.closing { description.closing.append(try identifier(token, tokens)) }
        return try BytePairTokenizer(
            description, added: try added(), prefersWholeWords: model?["ignore_merges"]?.boolean ?? false)
    }

    private func identifier(_ token: String, _ tokens: [String]) throws(TokenizerError) -> Int {
        guard let id = tokens.firstIndex(of: token) else { throw failure(.missingToken(token)) }
        return id
    }

    private func merges() throws(TokenizerError) -> [String] {
        let expected = "an array of merges, each two tokens"
        guard let elements = model?["merges"]?.elements else { throw bad("model.merges", expected) }
        var merges: [String] = []
        for element in elements {
            if let text = element.text {
                merges.append(text)
            } else if let parts = element.elements, parts.count == 2, let left = parts[0].text,
                let right = parts[1].text
            {
                merges.append("\(left) \(right)")
            } else {
                throw bad("model.merges", expected)
            }
        }
        return merges
    }

    /// Whether digits stand alone: a byte-level pre-tokenizer, or one behind another that isolates digits.
    private func isolatesDigits() throws(TokenizerError) -> Bool {
        let expected = "ByteLevel, or Digits and ByteLevel"
        let step = root["pre_tokenizer"]
        let steps =
            step?["type"]?.text == "Sequence" ? step?["pretokenizers"]?.elements ?? [] : [step].compactMap { $0 }
        guard let last = steps.last, last["type"]?.text == "ByteLevel", last["add_prefix_space"]?.boolean != true,
            last["use_regex"]?.boolean != false, steps.count <= 2
        else { throw unsupported("pre-tokenizer", step, expected) }
        guard steps.count == 2 else { return false }
        guard steps[0]["type"]?.text == "Digits", steps[0]["individual_digits"]?.boolean == true else {
            throw unsupported("pre-tokenizer", steps[0], expected)
        }
        return true
    }
}

extension WordPieceTokenizer {
    /// The tokenizer that the `tokenizer.json` at `path` describes.
    ///
    /// - Throws: ``TokenizerError`` if the file cannot be read, is malformed or describes another tokenizer than BERT's.
    /// - Complexity: O(bytes of the file).
    public init(tokenizerJSON path: String) throws(TokenizerError) {
        let file = try TokenizerJSON(path: path)
        do throws(TokenizerError) { try self.init(try file.wordPiece()) } catch { throw file.failure(error.reason) }
    }
}

extension BytePairTokenizer {
    /// The tokenizer that the `tokenizer.json` at `path` describes.
    ///
    /// - Throws: ``TokenizerError`` if the file cannot be read, is malformed or describes another tokenizer than a
    ///   byte-level one with GPT-2's words, with or without digits that stand alone.
    /// - Complexity: O(bytes of the file).
    public init(tokenizerJSON path: String) throws(TokenizerError) {
        let file = try TokenizerJSON(path: path)
        do throws(TokenizerError) { self = try file.bytePairs() } catch { throw file.failure(error.reason) }
    }
}
