/// Colours of weights: matplotlib's viridis in nine steps, even in lightness and told apart by every kind of colour
/// vision.
enum MapColors {
    private static let anchors: [(red: Double, green: Double, blue: Double)] = [
        (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128), (94, 201, 98),
        (173, 220, 48), (253, 231, 37),
    ]

    /// How many colours there are.
    static let count = 64

    /// The colour of level 0 ..< ``count``.
    static func color(_ level: Int) -> String {
        let position = Double(level) / Double(count - 1) * Double(anchors.count - 1)
        let index = min(Int(position), anchors.count - 2)
        let (low, high, share) = (anchors[index], anchors[index + 1], position - Double(index))
        func mix(_ a: Double, _ b: Double) -> Int { Int((a + share * (b - a)).rounded()) }
        return "rgb(\(mix(low.red, high.red)),\(mix(low.green, high.green)),\(mix(low.blue, high.blue)))"
    }

    /// The level of a weight: on a scale of square roots, so that small weights do not all look like none.
    static func level(_ weight: Float, largest: Float) -> Int {
        guard largest > 0, weight > 0 else { return 0 }
        return min(count - 1, Int((weight / largest).squareRoot() * Float(count - 1) + 0.5))
    }
}
