import Foundation

/// Numbers as a reader wants them.
public enum NumberText {
    /// Four significant digits without an exponent: `0.1234`, `12.34`, `1234`.
    public static func significant(_ value: Double, digits: Int = 4) -> String {
        guard value.isFinite, value != 0 else { return "\(value)" }
        let magnitude = Int(floor(log10(abs(value))))
        return String(format: "%.\(max(0, digits - 1 - magnitude))f", value)
    }

    /// An error in exponent form: `2.3e-07`.
    public static func error(_ value: Double) -> String { String(format: "%.1e", value) }

    /// A fixed number of decimals.
    public static func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

    /// A number of bytes: `48 KiB`, `1 MiB`; `none` for 0.
    public static func bytes(_ count: Int) -> String {
        if count == 0 { return "none" }
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where count >= size {
            return count.isMultiple(of: size)
                ? "\(count / size) \(unit)" : "\(fixed(Double(count) / Double(size), 1)) \(unit)"
        }
        return "\(count) B"
    }

    /// A time to wait: `45 s`, `3 min`.
    public static func wait(seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        return whole < 100 ? "\(whole) s" : "\((whole + 59) / 60) min"
    }
}

extension Double {
    /// The number rounded to 6 significant digits, so that files do not claim digits that were not measured.
    func significant() -> Double { Double(String(format: "%.6g", self)) ?? self }
}
