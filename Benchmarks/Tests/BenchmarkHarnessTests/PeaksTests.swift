import AttentionKernels
import CKernels
import Foundation
import Testing

@testable import BenchmarkHarness

@Suite(.serialized) struct PeaksTests {
    @Test func everyLimitIsMeasured() throws {
        var runner = PeaksRunner(secondsEach: 0.002)
        let document = try runner.run()
        let threads = Set([1, Machine.current.usableCores]).sorted()
        for threads in threads {
            for isa in InstructionSet.available {
                for quantity in [ComputeQuantity.fma.rawValue, PeaksRunner.exp2] {
                    let rate = document.compute(quantity, isa: isa.name, threads: threads)
                    #expect((rate ?? 0) > 0, "\(quantity) \(isa.name)")
                }
            }
            for level in MemoryLevel.allCases where level != .l3 || Machine.current.l3CacheBytes > 0 {
                #expect((document.readBandwidth(level, threads: threads) ?? 0) > 0)
            }
        }
        #expect(document.compute.allSatisfy { $0.best >= $0.median && $0.median > 0 })
        #expect(document.bandwidth.allSatisfy { $0.best >= $0.median && $0.median > 0 })
        #expect(document.bandwidth.filter { $0.access.hasSuffix("streaming") }.allSatisfy { $0.level == .dram })
        #expect(document.clock.map(\.threads) == threads)
        #expect(document.clock.allSatisfy { $0.best >= $0.median && $0.median > 0 })
        let decoded = try JSONDecoder().decode(PeaksDocument.self, from: Data(document.json().utf8))
        #expect(decoded == document)
    }

    @Test func bandwidthIsInterpolatedBetweenThreads() {
        var document = sampleLimits()
        document.bandwidth = [(1, 10.0), (4, 40), (8, 44)].map {
            .init(level: .dram, access: "read", threads: $0.0, sliceBytes: 1, best: $0.1, median: $0.1)
        }
        #expect(document.readBandwidth(.dram, threads: 1) == 10)
        #expect(document.readBandwidth(.dram, threads: 2) == 20)
        #expect(document.readBandwidth(.dram, threads: 8) == 44)
        #expect(document.readBandwidth(.dram, threads: 16) == 44)
        #expect(document.readBandwidth(.l1, threads: 1) == nil)
    }

    @Test func boundsFollowIntensityAndLevel() {
        var limits = sampleLimits()
        limits.cores = 2
        let roofline = Roofline(limits)
        #expect(roofline.level(holding: 32 << 10, threads: 1) == .l1)
        #expect(roofline.level(holding: 33 << 10, threads: 1) == .l2)
        #expect(roofline.level(holding: 33 << 10, threads: 2) == .l1)
        #expect(roofline.level(holding: 3 << 20, threads: 2) == .l3)
        #expect(roofline.level(holding: 17 << 20, threads: 2) == .dram)
        // 2 operations a byte from DRAM at 10 GB/s.
        let slow = roofline.bound(flops: 2 * Double(1 << 30), bytes: 1 << 30, threads: 1, computePeak: 50)
        #expect(slow == RooflineBound(name: "DRAM", gflops: 20))
        let fast = roofline.bound(flops: 6 * Double(1 << 30), bytes: 1 << 30, threads: 1, computePeak: 50)
        #expect(fast == RooflineBound(name: "compute", gflops: 50))
    }

    @Test func casesKnowTheirBounds() throws {
        let document = sampleDocument()
        let prefill = try #require(document.cases.first { $0.kernel == "fused" && $0.queryLength == 512 })
        #expect(prefill.bytes == 4 * 4 * 8 * 512 * 64)
        #expect(prefill.bound == "compute" && prefill.percentOfBound == prefill.percentOfPeak)
        let decode = try #require(
            document.cases.first { $0.kernel == "fused" && $0.keyLength == 8192 && $0.threads == 1 })
        #expect(decode.bytes == 4 * (2 * 8 * 64 + 2 * 2 * 8192 * 64))
        // 16 operations for each float of a key or value, 8 bytes of which belong to 4 heads: 4 an byte, 40 GB/s of L3.
        #expect(decode.bound == "L3" || decode.bound == "compute")
        let unknown = sampleDocument(limited: false).cases[0]
        #expect(unknown.bound == nil && unknown.percentOfBound == nil && unknown.percentOfPeak > 0)
    }

    @Test func theVerbShowsWhatIsKept() throws {
        let outcome = try BuiltCommand.run(["peaks", "--cached"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("measured 2026-11-20T05:00:00Z, commit 1234567"))
        for word in ["f32 FMA", "exp2", "L1", "L2", "L3", "DRAM", "GB/s", "GFLOP/s"] {
            #expect(outcome.output.contains(word), "\(word) is missing")
        }
        let json = try BuiltCommand.run(["peaks", "--cached", "--format", "json"]).output
        #expect(try JSONDecoder().decode(PeaksDocument.self, from: Data(json.utf8)) == sampleLimits())
        #expect(
            try BuiltCommand.run(["peaks", "--cached", "--format", "markdown"]).output.contains("| L1 | read | 1 |"))
        let csv = try BuiltCommand.run(["peaks", "--cached", "--format", "csv"]).output
        #expect(csv.hasPrefix("limit,instruction set,threads,best,median,unit\nf32 FMA,"))
    }
}
