import CKernels

extension Execution {
    /// Runs one C entry point with a workspace: the caller's if given, else one of this execution's.
    ///
    /// C checks a problem and plans it before it looks at the workspace, and tells the exact size if it refuses one. So
    /// nothing is measured before: the call tries the workspace that was used last, and is made again with a new one only
    /// where that is too small.
    ///
    /// - Parameters:
    ///   - workspace: the caller's scratch memory; nil to use this execution's.
    ///   - run: makes the call.
    ///   - describe: an argument of the call, for the sentence of an error.
    func run(
        in workspace: UnsafeMutableRawBufferPointer?,
        run: (ck_options, inout ck_diagnosis) -> ck_status,
        describe: (KernelError.Argument) -> String
    ) throws(KernelError) {
        var diagnosis = ck_diagnosis()
        if let workspace {
            let status = run(cOptions(workspace), &diagnosis)
            return try check(status, diagnosis, workspace: workspace, describe)
        }
        let last = try take(byteCount: 0)
        var status = run(cOptions(last.bytes), &diagnosis)
        giveBack(last)
        if status == .CK_SMALL_WORKSPACE {
            let exact = try take(byteCount: Int(diagnosis.expected))
            status = run(cOptions(exact.bytes), &diagnosis)
            giveBack(exact)
        }
        try check(status, diagnosis, workspace: nil, describe)
    }

    /// The exact workspace of a call, in bytes.
    func workspaceByteCount(
        measure: (ck_options, inout Int, inout ck_diagnosis) -> ck_status,
        describe: (KernelError.Argument) -> String
    ) throws(KernelError) -> Int {
        var byteCount = 0
        try ask({ options, diagnosis in measure(options, &byteCount, &diagnosis) }, describe: describe)
        return byteCount
    }

    /// Runs one C entry point that takes no workspace.
    func ask(
        _ question: (ck_options, inout ck_diagnosis) -> ck_status, describe: (KernelError.Argument) -> String
    ) throws(KernelError) {
        var diagnosis = ck_diagnosis()
        let status = question(cOptions(nil), &diagnosis)
        try check(status, diagnosis, workspace: nil, describe)
    }

    private func check(
        _ status: ck_status, _ diagnosis: ck_diagnosis, workspace: UnsafeMutableRawBufferPointer?,
        _ describe: (KernelError.Argument) -> String
    ) throws(KernelError) {
        if status == .CK_OK { return }
        if status == .CK_ISA_UNAVAILABLE { throw .unavailable(instructionSet) }
        throw KernelError(status, diagnosis) { argument in
            switch argument {
            case .threads: "\(threads ?? Machine.current.usableCores)"
            case .workspace: workspace.map { "\($0.count) bytes at \($0.baseAddress.debugDescription)" } ?? "nil"
            default: describe(argument)
            }
        }
    }
}
