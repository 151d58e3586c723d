#if arch(x86_64)
    import Foundation

    /// Flush-to-zero and denormals-are-zero, of the thread that asks.
    enum SubnormalMode {
        private static let bits: UInt32 = 0x8040

        static var isFlushing: Bool {
            get {
                var environment = fenv_t()
                fegetenv(&environment)
                return environment.__mxcsr & bits == bits
            }
            set {
                var environment = fenv_t()
                fegetenv(&environment)
                environment.__mxcsr = environment.__mxcsr & ~bits | (newValue ? bits : 0)
                fesetenv(&environment)
            }
        }

        /// LLVM's OpenMP would give its threads the caller's mode; others do not. Before the first call only.
        static func leaveToTheLibrary() { setenv("KMP_INHERIT_FP_CONTROL", "0", 1) }

        /// What `body` returns in the flushing mode, and whether the mode still holds behind it.
        static func flushed<Result>(_ body: () throws -> Result) throws -> (result: Result, isKept: Bool) {
            isFlushing = true
            let result = Swift.Result(catching: body)
            let isKept = isFlushing
            isFlushing = false
            return (try result.get(), isKept)
        }
    }
#endif
