import CKernels
import Testing

/// The probes do what they count: their rates are only as true as the operations they return.
@Suite struct ProbeTests {
    private static let count = Int(CK_PROBE_COUNT_MULTIPLE) * 2
    private static let threads = 2

    private static func run(
        _ kind: ck_probe_kind, _ isa: ck_isa, rounds: Int64 = 3, streaming: Bool = false,
        data: UnsafeMutablePointer<Float>? = nil
    ) -> Int64 {
        var probe = ck_probe()
        (probe.kind, probe.rounds, probe.streaming) = (kind, rounds, streaming)
        (probe.data, probe.count) = (data, Int64(count))
        var options = ck_options_default()
        (options.threads, options.isa) = (Int32(threads), isa)
        return ck_probe_run(&probe, &options)
    }

    /// Calls `body` with two slices that hold 0, 1, 2 and so on.
    private static func withBuffer<Result>(_ body: (UnsafeMutablePointer<Float>) throws -> Result) rethrows -> Result {
        let total = count * threads
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * total, alignment: 64)
        defer { memory.deallocate() }
        let data = memory.bindMemory(to: Float.self, capacity: total)
        for index in 0..<total { data[index] = Float(index) }
        return try body(data)
    }

    private static var isas: [ck_isa] { (0..<ck_isa_count()).map(ck_isa_at) }

    @Test(arguments: isas) func registerProbesCountWholeRounds(isa: ck_isa) {
        let one = Self.run(.CK_PROBE_FMA, isa, rounds: 1)
        #expect(one > 0 && Self.run(.CK_PROBE_FMA, isa, rounds: 5) == 5 * one)
        let dots = [ck_probe_kind.CK_PROBE_DOT_BF16, .CK_PROBE_DOT_INT8].map { Self.run($0, isa, rounds: 2) }
        if isa == .CK_ISA_AVX512BF16 {
            // 2 threads, 2 rounds of 192 instructions on 16 lanes, 2 or 4 products of two operations each.
            let lanes: Int64 = 2 * 2 * 192 * 16
            #expect(dots == [4 * lanes, 8 * lanes])
        } else {
            #expect(dots == [0, 0])
        }
    }

    @Test(arguments: isas) func exp2AndReadingLeaveTheBufferAlone(isa: ck_isa) {
        Self.withBuffer { data in
            #expect(Self.run(.CK_PROBE_EXP2, isa, data: data) == Int64(3 * Self.count * Self.threads))
            #expect(Self.run(.CK_PROBE_READ, isa, data: data) == Int64(4 * 3 * Self.count * Self.threads))
            #expect((0..<Self.count * Self.threads).allSatisfy { data[$0] == Float($0) })
        }
    }

    @Test(arguments: isas, [false, true]) func storesWriteWhatTheyCount(isa: ck_isa, streaming: Bool) {
        let (count, all) = (Self.count, Self.count * Self.threads)
        Self.withBuffer { data in
            let bytes = Self.run(.CK_PROBE_COPY, isa, rounds: 1, streaming: streaming, data: data)
            #expect(bytes == Int64(4 * all))
            let half = count / 2
            for index in 0..<all { #expect(data[index] == Float(index % count < half ? index + half : index)) }
        }
        Self.withBuffer { data in
            let bytes = Self.run(.CK_PROBE_TRIAD, isa, rounds: 1, streaming: streaming, data: data)
            #expect(bytes == Int64(4 * all))
            let third = count / 3
            for index in 0..<all where index % count < third {
                #expect(data[index] == Float(index + third) + 3 * Float(index + 2 * third))
            }
        }
        Self.withBuffer { data in
            let bytes = Self.run(.CK_PROBE_WRITE, isa, rounds: 2, streaming: streaming, data: data)
            #expect(bytes == Int64(2 * 4 * all))
            #expect((0..<all).allSatisfy { data[$0] == -1 })
        }
    }

    @Test func theClockCountsAdditions() {
        #expect(Self.run(.CK_PROBE_CLOCK, .CK_ISA_AUTO, rounds: 10) == Int64(10 * 64 * Self.threads))
    }

    @Test func badProbesAreRefused() {
        #expect(Self.run(.CK_PROBE_FMA, .CK_ISA_AUTO, rounds: 0) == 0)
        #expect(Self.run(.CK_PROBE_READ, .CK_ISA_AUTO) == 0)
        Self.withBuffer { #expect(Self.run(.CK_PROBE_READ, .CK_ISA_AUTO, data: $0 + 1) == 0) }
        var (probe, options) = (ck_probe(), ck_options_default())
        (probe.kind, probe.rounds, probe.count) = (.CK_PROBE_READ, 1, 5)
        Self.withBuffer {
            probe.data = $0
            #expect(ck_probe_run(&probe, &options) == 0)
        }
    }
}
