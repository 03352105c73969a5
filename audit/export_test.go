package audit

import "time"

// SetPatience makes the trail give up the writing of a batch sooner. Call it before Run.
func (t *Trail) SetPatience(d time.Duration) { t.patience = d }
