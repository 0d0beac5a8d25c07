package submission

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Solutions that lie in one folder are told apart by what their names have in common; where nothing
// belongs together, all of it is one.
func TestUnitsOfOneFolder(t *testing.T) {
	for _, test := range []struct {
		sources []string
		want    map[string]string
	}{
		{[]string{"server.py", "client.py", "serverSide.py", "clientSide.py", "serverSide2.py", "clientSide2.py", "my_client_app.py"},
			map[string]string{"server.py": "client.py", "serverSide.py": "clientSide.py", "serverSide2.py": "clientSide2.py"}},
		{[]string{"my_server_app.py", "my_client_app.py"}, map[string]string{"my_server_app.py": "my_client_app.py"}},
		{[]string{"chat_server.py", "client.py"}, map[string]string{"chat_server.py": "client.py"}},
		{[]string{"PubSubServer.py", "TcpClient.py"}, map[string]string{"PubSubServer.py": "TcpClient.py"}},
	} {
		var programs []program
		for _, source := range test.sources {
			p := program{language: "Python", source: source, name: source[:len(source)-len(".py")]}
			p.judge()
			programs = append(programs, p)
		}
		got := map[string]string{}
		for _, u := range unitsIn(".", ".", "", programs) {
			got[u.server.source] = u.client.source
			assert.Equal(t, len(test.want) > 1, u.String() == u.server.source, "%s is named where it is one of several", u)
		}
		assert.Equal(t, test.want, got)
	}
}

// A step may be told by the package alone.
func TestStepOfAPackage(t *testing.T) {
	programs := []program{
		{language: "Java", source: "src/task3/MyServer.java", name: "MyServer", role: server, number: -1},
		{language: "Java", source: "src/task3/MyClient.java", name: "MyClient", role: client, number: -1},
	}
	units := unitsIn("src", "src", "", programs)
	assert.Len(t, units, 1)
	assert.Equal(t, 3, units[0].task)
}
