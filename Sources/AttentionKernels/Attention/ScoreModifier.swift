import CKernels

/// A change of attention scores: relative positions, soft masks, anything that depends on a score and its indices alone.
///
/// ```swift
/// struct Distance: ScoreModifier {
///     func callAsFunction(_ score: Float, batch: Int, head: Int, query: Int, key: Int) -> Float {
///         key > query ? -.infinity : score - 0.1 * Float(query - key)
///     }
/// }
/// options.scoreFunction = ScoreFunction(Distance())
/// ```
///
/// The compiler inlines `callAsFunction` into the loop over a tile. Several threads call it at once.
public protocol ScoreModifier: Sendable {
    /// The new score of a query and a key; minus infinity hides the key. Scores are in natural units, scaled and capped,
    /// before ALiBi, bias and masks. Keys that the query does not see may be asked about too; the answer is ignored.
    func callAsFunction(_ score: Float, batch: Int, head: Int, query: Int, key: Int) -> Float
}

/// A ``ScoreModifier`` or a closure, ready for a call of attention.
public struct ScoreFunction: Sendable {
    /// The object that the C function finds behind its context; alive as long as this value.
    @usableFromInline
    let box: ScoreModifierBox

    /// A modifier whose code is inlined into the loop over a tile.
    @inlinable
    public init(_ modifier: some ScoreModifier) {
        box = TypedScoreModifierBox(modifier)
    }

    /// A closure `(score, batch, head, query, key)`, called once for each score.
    public init(_ modify: @escaping @Sendable (Float, Int, Int, Int, Int) -> Float) {
        self.init(ClosureModifier(modify: modify))
    }

    /// Points `options` here; whoever calls C holds `self` until C returns.
    func set(_ options: inout ck_score_options) {
        options.context = Unmanaged.passUnretained(box).toOpaque()
        options.function = { tile, context in
            guard let context else { return }
            let c = tile.pointee
            let box = Unmanaged<ScoreModifierBox>.fromOpaque(context).takeUnretainedValue()
            box.modify(
                ScoreTile(
                    scores: c.scores, queryStride: Int(c.query_stride), keyStride: Int(c.key_stride),
                    queries: Int(c.first_query)..<Int(c.first_query + c.queries),
                    keys: Int(c.first_key)..<Int(c.first_key + c.keys), batch: Int(c.batch), head: Int(c.head)))
        }
    }
}

private struct ClosureModifier: ScoreModifier {
    let modify: @Sendable (Float, Int, Int, Int, Int) -> Float

    func callAsFunction(_ score: Float, batch: Int, head: Int, query: Int, key: Int) -> Float {
        modify(score, batch, head, query, key)
    }
}

/// The scores of some queries and keys of one head.
@usableFromInline
struct ScoreTile {
    @usableFromInline let scores: UnsafeMutablePointer<Float>
    @usableFromInline let queryStride, keyStride: Int
    @usableFromInline let queries, keys: Range<Int>
    @usableFromInline let batch, head: Int

    init(
        scores: UnsafeMutablePointer<Float>, queryStride: Int, keyStride: Int, queries: Range<Int>, keys: Range<Int>,
        batch: Int, head: Int
    ) {
        self.scores = scores
        (self.queryStride, self.keyStride) = (queryStride, keyStride)
        (self.queries, self.keys) = (queries, keys)
        (self.batch, self.head) = (batch, head)
    }
}

/// C's function cannot be generic; it calls this, once for each tile.
@usableFromInline
class ScoreModifierBox: @unchecked Sendable {
    @usableFromInline
    init() {}

    @usableFromInline
    func modify(_ tile: ScoreTile) {}
}

@usableFromInline
final class TypedScoreModifierBox<Modifier: ScoreModifier>: ScoreModifierBox, @unchecked Sendable {
    @usableFromInline
    let modifier: Modifier

    @inlinable
    init(_ modifier: Modifier) {
        self.modifier = modifier
        super.init()
    }

    @inlinable
    override func modify(_ tile: ScoreTile) {
        for key in tile.keys {
            let row = tile.scores + (key - tile.keys.lowerBound) * tile.keyStride
            for query in tile.queries {
                let place = row + (query - tile.queries.lowerBound) * tile.queryStride
                place.pointee = modifier(place.pointee, batch: tile.batch, head: tile.head, query: query, key: key)
            }
        }
    }
}
