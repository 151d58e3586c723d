import AttentionKernels

/// What models and blocks throw: what is wrong, with what, and one clear sentence.
public struct TransformerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public let reason: Reason
    /// The tensor, configuration value or argument that is wrong.
    public let subject: String
    /// One sentence that names the subject, what it was and what it should have been.
    public let description: String

    /// An error with the facts of its sentence left to the caller.
    public init(_ reason: Reason, _ subject: String, _ detail: String) {
        self.reason = reason
        self.subject = subject
        description = "\(subject): \(detail)"
    }

    /// What can be wrong.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The weights have no tensor of this name.
        case missingTensor
        /// A tensor has another shape than the configuration asks for.
        case shapeMismatch
        /// A tensor has the right shape and the wrong number of bytes.
        case byteCountMismatch
        /// The element format is none that the place takes.
        case unsupportedFormat
        /// A value of a configuration or option is outside its range.
        case invalidConfiguration
        /// An input is outside its range: a token that the vocabulary lacks, an empty prompt.
        case invalidInput
        /// There is no room for more tokens.
        case capacityExceeded
    }
}
