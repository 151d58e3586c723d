/// The limits of a machine as tables.
public enum PeaksTables {
    /// The tables of arithmetic and of memory, and a line that says where and when.
    public static func tables(_ document: PeaksDocument) -> [TextTable] { [compute(document), memory(document)] }

    /// Where and when the limits were measured.
    public static func heading(_ document: PeaksDocument) -> String {
        let clocks = document.clock.map {
            "\(NumberText.fixed($0.best, 2)) GHz on \($0.threads) thread\($0.threads == 1 ? "" : "s")"
        }
        return "\(document.machine), \(document.cores) cores, measured \(document.date), commit \(document.commit)"
            + (clocks.isEmpty ? "" : "; clock " + clocks.joined(separator: ", "))
    }

    private static func compute(_ document: PeaksDocument) -> TextTable {
        var table = TextTable([
            ("limit", .left), ("instruction set", .left), ("threads", .right), ("best", .right), ("median", .right),
            ("unit", .left),
        ])
        for limit in document.compute {
            let unit = ComputeQuantity(rawValue: limit.quantity)?.unit ?? "10^9 exp2/s"
            table.add([
                limit.quantity, limit.isa, "\(limit.threads)", NumberText.significant(limit.best),
                NumberText.significant(limit.median), unit,
            ])
        }
        return table
    }

    private static func memory(_ document: PeaksDocument) -> TextTable {
        var table = TextTable([
            ("level", .left), ("access", .left), ("threads", .right), ("slice of a thread", .right), ("best", .right),
            ("median", .right), ("unit", .left),
        ])
        for limit in document.bandwidth {
            table.add([
                limit.level.rawValue, limit.access, "\(limit.threads)", NumberText.bytes(limit.sliceBytes),
                NumberText.significant(limit.best), NumberText.significant(limit.median), "GB/s",
            ])
        }
        return table
    }
}
