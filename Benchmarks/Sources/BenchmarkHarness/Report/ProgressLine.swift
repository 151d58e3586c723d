import Foundation

/// One line on a terminal's standard error that tells what runs and how long it will take; nothing elsewhere.
public struct ProgressLine: Sendable {
    private let isTerminal: Bool

    /// A progress line.
    public init() { isTerminal = isatty(STDERR_FILENO) != 0 }

    /// Replaces the line.
    ///
    /// - Parameters:
    ///   - done: the cases that are finished.
    ///   - total: all cases.
    ///   - secondsLeft: a prediction of what the others take.
    public func show(_ text: String, done: Int, total: Int, secondsLeft: Double) {
        let line = "[\(done)/\(total)] about \(NumberText.wait(seconds: secondsLeft)) left: \(text)"
        // A line that wraps could not be replaced.
        write("\r\u{1B}[K" + line.prefix(max(Self.columns - 1, 20)))
    }

    /// Removes the line.
    public func clear() { write("\r\u{1B}[K") }

    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    private func write(_ text: String) {
        if isTerminal { FileHandle.standardError.write(Data(text.utf8)) }
    }
}
