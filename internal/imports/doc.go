// Package imports holds the line between the packages: its tests read the
// module's source and fail when an import points up, when a package that must
// not know a kernel learns of one, or when test support reaches the product.
package imports
