import AttentionKernels
import Foundation

/// Measures baselines: several passes over a list of cases, so that what changes from pass to pass is known as noise.
public struct BaselineRunner {
    /// How many passes there are.
    public var passes = 3
    /// How the cases are measured.
    public var settings: SweepSettings
    /// See ``SweepRunner/checkInterruption``.
    public var checkInterruption: () throws -> Void = {}

    /// A runner: each case runs at least 0.3 s in a pass.
    public init() {
        settings = SweepSettings()
        settings.turns.minimumSeconds = 0.3
    }

    /// What a baseline measures.
    public struct Plan: Sendable {
        /// The attentions; nil for none.
        public var attention: SweepPlan?
        /// The products.
        public var products: [GemmCell]

        /// A plan.
        public init(attention: SweepPlan?, products: [GemmCell] = []) {
            self.attention = attention
            self.products = products
        }

        /// The plan of the cases that were measured before, of those that `isWanted` and this build and machine can run.
        init(_ results: [CaseResult], where isWanted: (CaseResult) -> Bool = { _ in true }) {
            let wanted = results.filter(isWanted)
            self.init(
                attention: SweepPlan(cases: wanted.compactMap(SweepCase.init)),
                products: wanted.compactMap(GemmCell.init))
        }

        var isEmpty: Bool { attention == nil && products.isEmpty }
    }

    /// Measures the cases of `plan`.
    ///
    /// - Throws: ``HarnessError`` if a result is wrong; ``Interruption/Requested`` if the run was interrupted.
    public func run(_ plan: Plan) throws -> BaselineDocument {
        let documents = try (0..<max(1, passes)).map { _ in try pass(plan) }
        guard let document = BaselineDocument(documents) else { throw HarnessError("no case was measured") }
        return document
    }

    /// Measures the cases of `baseline` and compares them with it; cells that seem slower get further passes, because
    /// a disturbance goes away and a slower kernel does not.
    public func compare(with baseline: BaselineDocument, threshold: Double) throws -> BaselineComparison {
        let machine = MachineReport.current(PeakMeter())
        guard baseline.machine.name == machine.name, baseline.machine.cores == machine.cores else {
            throw HarnessError(
                "the baseline is of \(baseline.machine.name) with \(baseline.machine.cores) cores; this machine is "
                    + "\(machine.name) with \(machine.cores): compare runs of one machine")
        }
        let results = baseline.cells.map(\.result)
        let plan = Plan(results)
        if plan.isEmpty {
            throw HarnessError("the baseline holds no case that this build and machine can run")
        }
        var candidate = try run(plan)
        var comparison = BaselineComparison(baseline, candidate, threshold: threshold)
        for _ in 0..<2 {
            let doubtful = Set((comparison.slower + comparison.unclear).map(\.key))
            let again = Plan(results) { doubtful.contains($0.key) }
            if again.isEmpty { break }
            candidate = candidate.adding(try pass(again))
            comparison = BaselineComparison(baseline, candidate, threshold: threshold)
        }
        return comparison
    }

    private func pass(_ plan: Plan) throws -> SweepDocument {
        // Without attentions there is still a document of this machine for the products.
        var runner = SweepRunner(
            plan.attention ?? SweepPlan(workloads: [], threads: [], isas: []), settings: settings)
        runner.checkInterruption = checkInterruption
        var document = try runner.run()
        guard document.complete else { throw Interruption.Requested() }
        if let failed = document.failed.first {
            throw HarnessError(
                "wrong result: \(failed.text): error \(NumberText.error(failed.maxError)), allowed "
                    + NumberText.error(failed.bound))
        }
        var products = GemmPass(settings: settings)
        products.checkInterruption = checkInterruption
        document.cases += try products.run(plan.products)
        return document
    }
}
