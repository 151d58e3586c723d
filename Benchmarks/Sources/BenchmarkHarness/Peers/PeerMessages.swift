/// The messages between the harness and a peer: one JSON object a line. Benchmarks/peers/README.md describes them.
enum PeerMessages {
    /// What the harness asks.
    struct Request: Encodable {
        /// `hello`, `prepare`, `run`, `write` or `release`.
        var ask: String
        /// For `hello`: how many threads to use.
        var threads: Int?
        /// For `prepare`, `run` and `write`: which of the peer's routes to take.
        var route: String?
        /// For `prepare`: the case.
        var attention: AttentionCase?
        /// For `run`: how often to repeat, each timed.
        var repetitions: Int?
        /// For `write`: the file to write the output to.
        var path: String?
    }

    /// An attention: sizes, mask, and the files of its tensors.
    struct AttentionCase: Encodable, Equatable {
        var dtype: String
        var batch: Int
        var heads: Int
        var kvHeads: Int
        var queryLength: Int
        var keyLength: Int
        var headDim: Int
        var valueDim: Int
        var causal: Bool
        var scale: Float
        /// Files of `q`, `k`, `v`, and where the case has them `mask` (bytes, nonzero: visible) and `bias`.
        var tensors: [String: TensorFile]
    }

    /// A file with the elements of a tensor, row-major, little-endian, without a header.
    struct TensorFile: Encodable, Equatable {
        var path: String
        var shape: [Int]
        /// `f32` or `u8`.
        var dtype: String
    }

    /// What a peer answers; which members it has depends on the request.
    struct Answer: Decodable {
        /// To `hello`: what the peer and what it stands on are.
        var versions: [String: String]?
        /// To `hello`: the names of its routes.
        var routes: [String]?
        /// To `run`: the seconds of each repetition.
        var seconds: [Double]?
        /// To any request: why the peer does not do it. It goes on with the next one.
        var refused: String?
    }
}
