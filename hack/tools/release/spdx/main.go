// spdx reads an SPDX 2.3 document in JSON on standard input, by SPDX's own library: its fields, and whether all that is
// related is there. Prints how much is in it.
package main

import (
	"fmt"
	"os"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

func main() {
	var document v2_3.Document
	err := json.ReadInto(os.Stdin, &document)
	if err == nil {
		err = spdxlib.ValidateDocument(&document)
	}
	if err != nil {
		fmt.Println("spdx:", err)
		os.Exit(1)
	}
	fmt.Printf("%s %s: %d packages, %d files, %d relationships\n", document.SPDXVersion, document.DocumentName,
		len(document.Packages), len(document.Files), len(document.Relationships))
}
