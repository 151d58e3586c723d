import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C into a question that long runs ask, so that what was measured until then is kept.
public final class Interruption: Sendable {
    /// Thrown where a run gives up because it was asked to.
    public struct Requested: Error, Sendable {}

    /// The exit code of a process that ended by SIGINT, by the shells' custom.
    public static let exitCode: Int32 = 130

    private let requests = Atomic<Int>(0)
    // A source may be used from any thread; its type does not say so.
    nonisolated(unsafe) private let source: any DispatchSourceSignal

    /// Catches SIGINT from now on. A second one ends the process at once.
    public init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global(qos: .userInteractive))
        source.setEventHandler { [weak self] in
            guard let self else { return }
            if requests.add(1, ordering: .relaxed).newValue > 1 { _exit(Self.exitCode) }
        }
        source.resume()
    }

    deinit {
        source.cancel()
        signal(SIGINT, SIG_DFL)
    }

    /// Whether the run should end.
    public var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

    /// Throws ``Requested`` if the run should end.
    public func check() throws(Requested) {
        if isRequested { throw Requested() }
    }
}
