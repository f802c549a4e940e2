// The compiler takes functions without a body, such as those that keep.go links
// to the runtime's, only in a package that has an assembly file.
