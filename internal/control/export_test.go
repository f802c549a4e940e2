package control

// Routes returns every route of the API as "METHOD /path".
func Routes() (list []string) {
	for pattern, m := range new(Server).table() {
		for method := range m {
			list = append(list, method+" "+pattern)
		}
	}
	for _, route := range metricsRoutes {
		list = append(list, "GET "+route)
	}
	return append(list, "GET "+eventsPath, "POST "+capturePath)
}
