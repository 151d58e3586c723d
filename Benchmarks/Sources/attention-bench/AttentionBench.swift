import ArgumentParser

/// The harness: sweeps that time the kernels, and verbs that apply them to a user's own tensors.
@main
struct AttentionBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention-bench",
        abstract: "Measures, applies and verifies the attention kernels on this machine.",
        subcommands: [
            SweepCommand.self, GemmCommand.self, CompareCommand.self, PeaksCommand.self, ReportCommand.self,
            BaselineCommand.self, CheckCommand.self, ApplyCommand.self, VerifyCommand.self, MapCommand.self,
            ConformanceCommand.self,
            InfoCommand.self,
        ])
}
