import AttentionKernels
import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Instruction sets and the machine as Swift sees them.
@Suite struct InstructionSetTests {
    @Test func availableOnesRunAndOthersAreRefused() throws {
        #expect(InstructionSet.available.contains(.portable))
        #expect(Set(InstructionSet.available).count == InstructionSet.available.count)
        for instructionSet in InstructionSet.allCases {
            if InstructionSet.available.contains(instructionSet) {
                #expect(try InstructionSet.resolved(instructionSet) == instructionSet)
            } else {
                expectError(.instructionSetUnavailable, .instructionSet, "\(instructionSet.name) is not available") {
                    _ = try InstructionSet.resolved(instructionSet)
                }
            }
        }
    }

    @Test func namesAreTheEnvironmentsNames() {
        #expect(InstructionSet.allCases.map(\.name) == ["portable", "avx2", "avx512", "avx512bf16", "neon"])
    }

    /// The environment is read once in a process, so each of these has a process of its own.
    @Test func theEnvironmentChooses() async {
        await #expect(processExitsWith: .success) {
            setenv("CK_ISA", "portable", 1)
            let named = try InstructionSet.resolved()
            #expect(named == .portable)
            // A call's own choice goes first.
            let own = try InstructionSet.resolved(InstructionSet.available[0])
            #expect(own == InstructionSet.available[0])
        }
        await #expect(processExitsWith: .success) {
            unsetenv("CK_ISA")
            let best = try InstructionSet.resolved()
            #expect(best == InstructionSet.available[0])
        }
    }

    @Test func anUnknownNameInTheEnvironmentIsAnErrorOfTheCall() async {
        await #expect(processExitsWith: .success) {
            setenv("CK_ISA", "sse9", 1)
            expectError(.instructionSetUnavailable, .instructionSet, "CK_ISA", "sse9", "portable") {
                _ = try InstructionSet.resolved()
            }
            let x = try Tensor(shape: [2, 2])
            expectError(.instructionSetUnavailable, .instructionSet, "CK_ISA", "sse9") { _ = try matmul(x, x) }
            expectError(.instructionSetUnavailable, .instructionSet, "CK_ISA", "sse9") {
                _ = try AttentionKernel.fused.forward(query: x, key: x, value: x)
            }
            #expect(try matmul(x, x, execution: Execution(instructionSet: .portable)) == x)
        }
    }

    @Test func theMachineIsKnown() {
        let machine = Machine.current
        #expect(!machine.name.isEmpty)
        #expect(machine.usableCores >= 1)
        #expect(machine.l1DataCacheBytes > 0 && machine.l2CacheBytes > 0 && machine.l3CacheBytes >= 0)
        #expect(["openmp", "pthreads"].contains(machine.parallelBackend))
    }
}
