import AttentionKernels

/// Reads the values of options that are lists with commas.
public enum ListArguments {
    /// Positive integers: `128,256`.
    public static func sizes(_ text: String, option: String) throws(HarnessError) -> [Int] {
        try elements(text, option: option) { element in
            guard let value = Int(element), value > 0, value <= 1 << 24 else { return nil }
            return value
        } expected: {
            "integers from 1 to \(1 << 24)"
        }
    }

    /// Places counted from 0: `0,3`.
    public static func indices(_ text: String, option: String) throws(HarnessError) -> [Int] {
        try elements(text, option: option) { element in
            guard let value = Int(element), value >= 0 else { return nil }
            return value
        } expected: {
            "integers from 0 on, or all"
        }
    }

    /// Numbers of threads: integers or `all`, which means every usable core.
    public static func threads(_ text: String, usableCores: Int) throws(HarnessError) -> [Int] {
        try elements(text, option: "--threads") { element in
            if element == "all" { return usableCores }
            guard let value = Int(element), (1...1024).contains(value) else { return nil }
            return value
        } expected: {
            "integers from 1 to 1024, or all"
        }
    }

    /// Cases of an enumeration by their raw values, or `all` of them.
    public static func names<Value: RawRepresentable<String> & CaseIterable & Hashable>(
        _ text: String, option: String, of _: Value.Type = Value.self
    ) throws(HarnessError) -> [Value] {
        if text == "all" { return Array(Value.allCases) }
        return try elements(text, option: option, Value.init(rawValue:)) {
            Value.allCases.map(\.rawValue).joined(separator: ", ")
        }
    }

    /// Instruction sets of this machine: names, `all`, or `best`, which follows the environment's choice.
    ///
    /// - Throws: ``HarnessError`` if a name is unknown or the machine does not have it; ``KernelError`` if the
    ///   environment variable `CK_ISA` names none of the machine's.
    public static func isas(_ text: String) throws -> [InstructionSet] {
        if text == "all" { return InstructionSet.available }
        // The environment is asked only where the command line leaves the choice to it.
        let best = text.contains("best") ? try InstructionSet.resolved() : nil
        return try elements(text, option: "--isa") { element in
            if element == "best" { return best }
            return InstructionSet(rawValue: element).flatMap { InstructionSet.available.contains($0) ? $0 : nil }
        } expected: {
            "among this machine's \(InstructionSet.available.map(\.name).joined(separator: ", ")), or best, or all"
        }
    }

    /// The elements in their order, each once.
    private static func elements<Value: Hashable>(
        _ text: String, option: String, _ parse: (String) -> Value?, expected: () -> String
    ) throws(HarnessError) -> [Value] {
        var result: [Value] = []
        for element in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = parse(element.filter { $0 != " " }) else {
                let place = element == text ? "" : " in \"\(text)\""
                throw HarnessError("\(option): \"\(element)\"\(place) should be \(expected())")
            }
            if !result.contains(value) { result.append(value) }
        }
        return result
    }
}
