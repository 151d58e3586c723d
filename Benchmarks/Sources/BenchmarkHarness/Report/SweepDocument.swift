import Foundation

/// The result of a sweep: what its JSON file holds.
public struct SweepDocument: Codable, Sendable, Equatable {
    /// Where it ran.
    public var machine: MachineReport
    /// What `git describe --always --dirty` says of the source.
    public var commit: String
    /// When it ended, ISO 8601 in UTC.
    public var date: String
    /// The timed cases.
    public var cases: [CaseResult]
    /// The cases that were not timed because they would take too long.
    public var skipped: [SkippedCase]
    /// The cases that were not timed because their results were wrong.
    public var failed: [FailedCase]
    /// How the cases were measured.
    public var settings: Settings

    /// How the cases of a sweep were measured.
    public struct Settings: Codable, Sendable, Equatable {
        /// The repetitions of each case at least.
        public var minimumRepetitions: Int
        /// The seconds each case ran at least.
        public var minimumSeconds: Double
        /// The predicted seconds of one run beyond which a naive case is skipped.
        public var naiveLimitSeconds: Double
        /// The seed of the inputs.
        public var seed: UInt64
    }

    /// A case that was not timed, and why.
    public struct SkippedCase: Codable, Sendable, Equatable {
        /// The case in words.
        public var text: String
        /// One sentence.
        public var reason: String
    }

    /// A case whose result was wrong.
    public struct FailedCase: Codable, Sendable, Equatable {
        /// The case in words.
        public var text: String
        /// The largest error against the oracle.
        public var maxError: Double
        /// The largest error allowed.
        public var bound: Double
    }

    /// The document as JSON text with sorted keys, so that two sweeps can be compared line by line.
    public func json() throws(HarnessError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Only the error of a failed case can be one of these.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        } catch {
            throw HarnessError("the sweep could not be written as JSON: \(error.localizedDescription)")
        }
    }

    /// Reads the JSON file at `path`.
    ///
    /// - Throws: ``HarnessError`` that names the path, if it is no sweep's.
    public static func read(path: String) throws(HarnessError) -> SweepDocument {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(SweepDocument.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw HarnessError("\(path) holds no sweep that this version can read: \(error.localizedDescription)")
        }
    }
}
