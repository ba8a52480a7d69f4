package password

const commonEntries = 0

func (f forms) common() bool { return false }
