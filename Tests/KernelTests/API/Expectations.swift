import AttentionKernels
import Testing

/// Expects `call` to throw the given error, in a sentence that holds every one of `words`.
func expectError(
    _ reason: KernelError.Reason, _ argument: KernelError.Argument, _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation, _ call: () throws -> Void
) {
    expect(reason, argument, words, sourceLocation, call)
}

private func expect(
    _ reason: KernelError.Reason, _ argument: KernelError.Argument, _ words: [String],
    _ sourceLocation: SourceLocation, _ call: () throws -> Void
) {
    let error = #expect(throws: KernelError.self, sourceLocation: sourceLocation) { try call() }
    guard let error else { return }
    #expect(error.reason == reason, "\(error)", sourceLocation: sourceLocation)
    #expect(error.argument == argument, "\(error)", sourceLocation: sourceLocation)
    for word in words {
        #expect(error.description.contains(word), "\(error)", sourceLocation: sourceLocation)
    }
}

/// One wrong argument of a call: how it spoils a valid call, and what the error says.
struct BadArgument<Call>: Sendable, CustomTestStringConvertible {
    let reason: KernelError.Reason
    let argument: KernelError.Argument
    let words: [String]
    let spoil: @Sendable (Call) -> Void
    let testDescription: String

    init(
        _ reason: KernelError.Reason, _ argument: KernelError.Argument, _ words: String..., line: Int = #line,
        spoil: @escaping @Sendable (Call) -> Void
    ) {
        self.reason = reason
        self.argument = argument
        self.words = words
        self.spoil = spoil
        testDescription = "\(argument.rawValue) \(reason.rawValue), line \(line)"
    }

    /// Expects the spoiled call to throw this error.
    func expectError(_ call: () throws -> Void) {
        expect(reason, argument, words, #_sourceLocation, call)
    }
}
