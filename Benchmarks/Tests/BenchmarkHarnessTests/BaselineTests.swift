import AttentionKernels
import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct BaselineTests {
    private func document(_ shares: [Double], slowed: AttentionKernel? = nil) throws -> BaselineDocument {
        var document = try #require(BaselineDocument([sampleDocument(lengths: [128], slowed: slowed)]))
        for index in document.cells.indices {
            let share = document.cells[index].share
            document.cells[index].shares = shares.map { share * $0 }
        }
        return document
    }

    @Test func cellsKeepTheSharesOfAllPasses() throws {
        let passes = [sampleDocument(), sampleDocument(slowed: .fused), sampleDocument()]
        let document = try #require(BaselineDocument(passes))
        #expect(document.cells.count == passes[0].cases.count)
        #expect(document.cells.map(\.result.key) == passes[0].cases.map(\.key))
        let fused = try #require(document.cells.first { $0.result.kernel == "fused" })
        #expect(fused.shares.count == 3 && abs(fused.shares[1] * 1.1 / fused.shares[0] - 1) < 1e-4)
        #expect(fused.share == fused.shares[0])
        #expect(BaselineDocument([]) == nil)
        // A peak that fell by 10 % beside a case was disturbed: only 5 % of it count as the clock's.
        let slow = try #require(BaselineDocument([sampleDocument(disturbed: true)]))
        #expect(slow.cells[0].disturbed && abs(slow.cells[0].share * 0.95 / document.cells[0].share - 1) < 1e-3)
        // Passes that were not disturbed count alone.
        let mixed = try #require(BaselineDocument([sampleDocument(disturbed: true), sampleDocument()]))
        #expect(mixed.cells[0].shares == [document.cells[0].share] && !mixed.cells[0].disturbed)
        #expect(
            slow.adding(sampleDocument()).cells
                == mixed.cells.map { cell in
                    var cell = cell
                    cell.result = slow.cells.first { $0.result.key == cell.result.key }?.result ?? cell.result
                    return cell
                })
        #expect(mixed.adding(sampleDocument(disturbed: true)) == mixed)
    }

    @Test func equalRunsPass() throws {
        let comparison = BaselineComparison(
            try document([0.99, 1, 1.01]), try document([1.005, 0.985, 1]), threshold: 0.05)
        #expect(comparison.passes && comparison.slower.isEmpty && comparison.unclear.isEmpty)
        #expect(comparison.cells.allSatisfy { $0.verdict == .same })
        #expect(comparison.means.map(\.name) == ["all", "naive", "blocked", "fused"])
        #expect(BaselineTables.conclusion(comparison).hasPrefix("No case of 24 is slower by more than 5.0 %"))
    }

    @Test func aSlowedKernelFailsAndIsNamed() throws {
        let comparison = BaselineComparison(
            try document([0.99, 1, 1.01]), try document([0.99, 1, 1.01], slowed: .blocked), threshold: 0.05)
        #expect(!comparison.passes)
        #expect(Set(comparison.slower.map(\.before.kernel)) == ["blocked"] && comparison.slower.count == 8)
        #expect(comparison.cells.filter { $0.verdict == .same }.allSatisfy { $0.before.kernel != "blocked" })
        #expect(comparison.slowerMeans.map(\.name) == ["blocked"])
        let text = BaselineTables.conclusion(comparison)
        #expect(text.contains("SLOWER: attention blocked f32 B1 H8/8 S128x128 D64/64 none t1 portable: 0.909"))
        #expect(text.contains("SLOWER: the geometric mean of blocked fell to 0.909."))
    }

    @Test func disturbedCellsDoNotMoveTheMeans() throws {
        var (before, now) = (try document([0.99, 1, 1.01]), try document([0.99, 1, 1.01]))
        for index in before.cells.indices where index.isMultiple(of: 2) {
            now.cells[index].disturbed = true
            // One pass alone, as a busy machine leaves it.
            now.cells[index].shares = [now.cells[index].share * 0.7]
        }
        let comparison = BaselineComparison(before, now, threshold: 0.05)
        #expect(comparison.slowerMeans.isEmpty && comparison.means[0].ratio == 1)
        #expect(comparison.means[0].count == before.cells.count / 2)
        // Where everything was disturbed nothing is judged, and that is said.
        for index in now.cells.indices {
            now.cells[index] = before.cells[index]
            (now.cells[index].disturbed, now.cells[index].shares) = (true, [before.cells[index].share * 0.7])
        }
        let noisy = BaselineComparison(before, now, threshold: 0.05)
        #expect(noisy.slowerMeans.isEmpty && noisy.slower.isEmpty && noisy.unclear.count == now.cells.count)
        #expect(BaselineTables.conclusion(noisy).contains("disturbed: 24 of 24 cases in every pass"))
        before.cells = []
        #expect(BaselineComparison(before, now, threshold: 0.05).slowerMeans.isEmpty)
    }

    /// A case of which one pass is left does not take the others' passes from the mean.
    @Test func meansRangeOverThePassesOfMostCases() throws {
        let before = try document([0.98, 1, 1.02])
        var now = before
        now.cells[0].shares = [now.cells[0].share]
        let mean = BaselineComparison(before, now, threshold: 0.05).means[0]
        let others = Double(now.cells.count - 1) / Double(now.cells.count)
        #expect(mean.ratio == 1)
        #expect(abs(mean.range.lowerBound - pow(0.98, others)) < 1e-9)
        #expect(abs(mean.range.upperBound - pow(1.02, others)) < 1e-9)
    }

    @Test func noiseIsNoLoss() throws {
        // The medians differ by 10 %, but one pass now was as fast as one before.
        let comparison = BaselineComparison(
            try document([0.89, 1, 1.01]), try document([0.88, 0.9, 0.92]), threshold: 0.05)
        #expect(comparison.passes && comparison.unclear.count == comparison.cells.count)
        #expect(comparison.cells[0].noise > 0.1)
    }

    @Test func fasterIsToldAndPasses() throws {
        let comparison = BaselineComparison(
            try document([0.99, 1, 1.01]), try document([1.19, 1.2, 1.21]), threshold: 0.05)
        #expect(comparison.passes && comparison.cells.allSatisfy { $0.verdict == .faster })
    }

    @Test func missingCasesFail() throws {
        let before = try document([1, 1, 1])
        var after = before
        after.cells.removeLast()
        let comparison = BaselineComparison(before, after, threshold: 0.05)
        #expect(!comparison.passes && comparison.missing.count == 1)
    }

    @Test func furtherPassesAreAdded() throws {
        let before = try document([1, 1])
        var pass = sampleDocument(lengths: [128])
        pass.cases.removeAll { $0.kernel != "fused" }
        let after = before.adding(pass)
        #expect(after.cells.map(\.shares.count) == before.cells.map { $0.result.kernel == "fused" ? 3 : 2 })
    }

    @Test func namesAreFilesOfThisMachine() throws {
        let directory = try TemporaryDirectory()
        let store = BaselineStore(directory.path)
        try store.save(try document([1, 1.01]), as: "v1.0")
        try store.save(try document([1]), as: BaselineStore.reference)
        #expect(store.names() == ["reference", "v1.0"])
        #expect(try store.read("v1.0") == document([1, 1.01]))
        #expect(try store.table().aligned.contains("1234567-dirty"))
        #expect(throws: HarnessError.self) { try store.read("v2") }
        for name in ["", "../x", "a/b", ".hidden", "é"] { #expect(throws: HarnessError.self) { try store.path(name) } }
    }

    @Test func aPlanOfCasesIsThoseCases() throws {
        let selection = WorkloadSelection(lengths: [8, 16], headDims: [8], heads: [2], masks: [.causal])
        let all = SweepPlan(workloads: try selection.workloads(), threads: [1, 2], isas: [.portable]).cases
        let some = all.enumerated().filter { $0.offset % 3 != 1 }.map(\.element)
        #expect(try #require(SweepPlan(cases: some)).cases == some)
        #expect(SweepPlan(cases: []) == nil)
    }
}

@Suite(.serialized) struct BaselineCommandTests {
    private let small = [
        "--lengths", "16", "--head-dims", "8", "--heads", "2", "--isa", "portable", "--threads", "1", "--kernels",
        "fused",
    ]

    @Test func baselinesAreSavedListedAndCompared() throws {
        let directory = try TemporaryDirectory()
        let output = ["--output", directory.path]
        let saved = try BuiltCommand.run(["baseline", "save", "one", "--passes", "2"] + small + output)
        #expect(saved.exitCode == 0 && saved.output.contains("Saved 2 cases"), "\(saved.errors)")
        let list = try BuiltCommand.run(["baseline", "list"] + output)
        #expect(list.exitCode == 0 && list.output.contains("one"))
        // A huge threshold: whether it passes must not depend on the machine's load.
        let compared = try BuiltCommand.run(
            ["baseline", "compare", "one", "--threshold", "99%", "--passes", "1", "--all"] + output)
        #expect(compared.exitCode == 0, "\(compared.errors)")
        #expect(compared.output.contains("attention fused f32 B1 H2/2 S16x16 D8/8 causal t1 portable"))
        #expect(compared.output.contains("No case of 2 is slower by more than 99 %"))
    }

    @Test func productsAreCasesOfABaseline() throws {
        let directory = try TemporaryDirectory()
        let output = ["--output", directory.path]
        let saved = try BuiltCommand.run(
            ["baseline", "save", "one", "--passes", "1", "--products", "16x8x32", "--product-dtypes", "f32,q8_0"]
                + small
                + output)
        #expect(saved.exitCode == 0 && saved.output.contains("Saved 5 cases"), "\(saved.errors)")
        let compared = try BuiltCommand.run(
            ["baseline", "compare", "one", "--threshold", "99%", "--passes", "1", "--all"] + output)
        #expect(compared.exitCode == 0, "\(compared.errors)")
        for key in ["gemm f32 16x8x32 B t1 portable", "gemm f32 16x8x32 B^T t1", "gemm q8_0 16x8x32 B^T t1"] {
            #expect(compared.output.contains(key))
        }
        #expect(compared.output.contains("No case of 5 is slower"))
        try BuiltCommand.expectError(
            ["baseline", "save", "x", "--products", "16x8"] + output, "--products: \"16x8\" should be sizes as MxNxK")
    }

    @Test func theDefaultProductsAreDistinctAndKnownAgain() throws {
        let isa = try InstructionSet.resolved()
        let cells = GemmCell.defaults(isas: [isa], threads: [1, 2])
        #expect(cells.count == 24 && Set(cells).count == 24)
        for cell in cells {
            let statistics = try #require(TimingStatistics([1e-3, 2e-3]))
            let result = CaseResult(
                cell, statistics, check: CaseCheck(maxError: 0, bound: 16, rowsChecked: 1),
                timing: GroupTiming(
                    seconds: [], peaks: [100],
                    noise: .init(seconds: 1, involuntarySwitches: 0, stealSeconds: 0, otherSeconds: 0)))
            #expect(GemmCell(result) == cell && SweepCase(result) == nil)
            #expect(abs(result.gflops / (cell.shape.flops / 1.5e-3 * 1e-9) - 1) < 1e-5)
        }
    }

    @Test func checkFailsOnASlowedKernel() throws {
        let directory = try TemporaryDirectory()
        let store = BaselineStore(directory.path)
        let passes = { (slowed: AttentionKernel?) in (0..<3).map { _ in sampleDocument(slowed: slowed) } }
        try store.save(try #require(BaselineDocument(passes(nil))), as: "before")
        try store.save(try #require(BaselineDocument(passes(nil))), as: "same")
        try store.save(try #require(BaselineDocument(passes(.fused))), as: "slow")
        let check = ["check", "--against", "before", "--threshold", "5%", "--output", directory.path, "--candidate"]
        #expect(try BuiltCommand.run(check + ["same"]).exitCode == 0)
        let slow = try BuiltCommand.run(check + ["slow"])
        #expect(slow.exitCode == 1 && slow.output.contains("SLOWER: attention fused"))
        #expect(!slow.output.contains("SLOWER: attention blocked"))
        let json = try BuiltCommand.run(check + ["slow", "--format", "json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["passes"] as? Bool == false && json.exitCode == 1)
        let compared = try BuiltCommand.run(
            ["baseline", "compare", "before", "--candidate", "slow", "--output", directory.path])
        #expect(compared.exitCode == 0)
        try BuiltCommand.expectError(check + ["none"], "there is no baseline \"none\"")
        try BuiltCommand.expectError(
            ["check", "--against", "before", "--threshold", "x", "--output", directory.path],
            "--threshold: \"x\" should be")
        try BuiltCommand.expectError(
            ["check", "--against", "before", "--passes", "0", "--output", directory.path], "--passes: 0 should be")
    }
}
