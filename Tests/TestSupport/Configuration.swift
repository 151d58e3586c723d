import AttentionKernels

/// One way to run a call: an instruction set and a number of threads.
public struct Configuration: Sendable, CustomStringConvertible {
    public let instructionSet: InstructionSet
    public let threads: Int
    public let execution: Execution

    public init(_ instructionSet: InstructionSet, threads: Int) {
        self.instructionSet = instructionSet
        self.threads = threads
        execution = Execution(threads: threads, instructionSet: instructionSet)
    }

    public var description: String { "\(instructionSet.name), \(threads) threads" }

    /// The thread counts worth telling apart: one, two, an odd number, all cores and more than there are.
    public static let threadCounts = Array(
        Set([1, 2, 3, Machine.current.usableCores, 2 * Machine.current.usableCores])
    ).sorted()

    /// Every instruction set of this machine with every thread count.
    public static let all: [Configuration] = InstructionSet.available.flatMap { instructionSet in
        threadCounts.map { Configuration(instructionSet, threads: $0) }
    }

    /// Every instruction set of this machine with one thread.
    public static let instructionSets: [Configuration] = InstructionSet.available.map { Configuration($0, threads: 1) }
}

/// One kernel run in one way, as the argument of a test.
public struct KernelConfiguration: Sendable, CustomStringConvertible {
    public let kernel: AttentionKernel
    public let configuration: Configuration

    public var execution: Execution { configuration.execution }
    public var description: String { "\(kernel.rawValue), \(configuration)" }

    /// Every kernel with every instruction set and thread count.
    public static let all: [KernelConfiguration] = AttentionKernel.allCases.flatMap { kernel in
        Configuration.all.map { KernelConfiguration(kernel: kernel, configuration: $0) }
    }
}
