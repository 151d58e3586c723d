import AttentionKernels

/// The comparison of results with the oracle, output by output.
public struct Verification: Sendable {
    /// One output of one way to compute it.
    public struct Line: Sendable {
        /// Kernel, instruction set and threads; or the candidate's file.
        public var source: [String]
        /// The tensor's name.
        public var tensor: String
        /// The largest absolute error.
        public var maxError: Double
        /// The mean absolute error.
        public var meanError: Double
        /// The error that the bound is about: absolute, or scaled by the size of what was added up.
        public var judgedError: Double
        /// The largest error allowed.
        public var bound: Double

        /// Whether the error keeps the bound.
        public var passes: Bool { judgedError <= bound }
    }

    /// The comparisons.
    public var lines: [Line] = []
    /// The rows compared.
    public var rowsChecked: Int
    /// Whether these are all rows.
    public var isComplete: Bool
    /// Whether errors are judged in units of eps times the size of what was added up.
    public var isScaled: Bool
    /// Sentences about what was left out.
    public var remarks: [String] = []

    /// Whether every comparison passes.
    public var passes: Bool { lines.allSatisfy(\.passes) }

    /// The table and a closing sentence, for a terminal.
    public var text: String {
        var columns: [(title: String, alignment: TextTable.Alignment)] =
            (lines.first?.source.count ?? 0) == 1
            ? [("candidate", .left)] : [("kernel", .left), ("isa", .left), ("threads", .right)]
        columns += [("output", .left), ("max error", .right), ("mean error", .right)]
        if isScaled { columns.append(("scaled", .right)) }
        columns += [("bound", .right), ("result", .left)]
        var table = TextTable(columns)
        for line in lines {
            var cells =
                line.source + [
                    line.tensor, NumberText.error(line.maxError), NumberText.error(line.meanError),
                ]
            if isScaled { cells.append(NumberText.fixed(line.judgedError, 2)) }
            cells += [
                isScaled ? NumberText.fixed(line.bound, 2) : NumberText.error(line.bound),
                line.passes ? "pass" : "FAIL",
            ]
            table.add(cells)
        }
        let failures = lines.count { !$0.passes }
        let rows = isComplete ? "all \(rowsChecked) rows" : "a sample of \(rowsChecked) rows"
        let verdict = failures == 0 ? "all \(lines.count) pass" : "\(failures) of \(lines.count) FAIL"
        return table.aligned + "\n" + remarks.map { $0 + "\n" }.joined() + "Checked \(rows): \(verdict).\n"
    }

    /// Every kernel on every instruction set of this machine, with one thread and with all.
    static var contestants: [(kernel: AttentionKernel, execution: Execution, source: [String])] {
        let cores = Machine.current.usableCores
        let threadCounts: [Int] = cores > 1 ? [1, cores] : [1]
        return AttentionKernel.allCases.flatMap { kernel in
            InstructionSet.available.flatMap { isa in
                threadCounts.map { threads in
                    (
                        kernel, Execution(threads: threads, instructionSet: isa),
                        [kernel.rawValue, isa.name, "\(threads)"]
                    )
                }
            }
        }
    }
}
