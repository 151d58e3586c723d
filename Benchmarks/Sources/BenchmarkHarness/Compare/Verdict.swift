/// What a ratio of times allows to say.
public enum Verdict: String, Codable, Sendable, Equatable {
    /// The library took less time than the peer.
    case faster
    /// The library took more time than the peer.
    case slower
    /// Neither can be said.
    case tie

    /// Medians that differ by less than this share count as equal: two runs of the same code differ as much.
    public static let tieShare = 0.05

    /// The verdict on how many times as long as the library a peer takes.
    ///
    /// A tie is a 95 % interval that includes 1, or a ratio between 1 / 1.05 and 1.05.
    public init(_ ratio: Bootstrap.Ratio) {
        let isClose = ratio.value < 1 + Self.tieShare && ratio.value > 1 / (1 + Self.tieShare)
        if isClose || ratio.interval.contains(1) {
            self = .tie
        } else {
            self = ratio.value > 1 ? .faster : .slower
        }
    }
}
