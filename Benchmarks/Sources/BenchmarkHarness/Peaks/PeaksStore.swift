import AttentionKernels
import Foundation

/// Keeps the limits of this machine from one run to the next, under the user's cache directory.
public enum PeaksStore {
    /// The file for this machine: `<cache>/attention-bench/peaks-<machine>.json`.
    public static var path: String {
        let set = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let user = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first?.path
        let directory = set ?? user ?? FileManager.default.temporaryDirectory.path
        return "\(directory)/attention-bench/peaks-\(MachineReport.current(PeakMeter()).folderName).json"
    }

    /// What is kept for this machine; nil if there is nothing, or nothing that fits it.
    public static func cached() -> PeaksDocument? {
        guard let document = try? PeaksDocument.read(path: path) else { return nil }
        let machine = Machine.current
        // An instruction set more than then, by a newer build, has no limits in the file.
        let isas = Set(document.compute.map(\.isa))
        guard document.machine == machine.name, document.cores == machine.usableCores,
            InstructionSet.available.allSatisfy({ isas.contains($0.name) })
        else { return nil }
        return document
    }

    /// What is kept, or else what is measured now, which takes about 20 s and is kept then.
    public static func cachedOrMeasured() throws -> PeaksDocument {
        if let document = cached() { return document }
        return try measured()
    }

    /// Measures and keeps the result. A cache that cannot be written costs the next run 20 s, and no more.
    public static func measured() throws -> PeaksDocument {
        var runner = PeaksRunner()
        let document = try runner.run()
        do throws(HarnessError) {
            try OutputFile.write(document.json(), to: path)
        } catch {
            FileHandle.standardError.write(Data("the limits are not kept: \(error.description)\n".utf8))
        }
        return document
    }
}
